//! The mode of a bus as its publishers and slots read it: one word, one relaxed load an event. Two write to it: whoever judges, and an operator's
//! hand, which is the stronger; each changes its own half alone, so that neither undoes the other.

use super::mode::Mode;
use crate::sync::{AtomicU32, Ordering};

/// The judged mode in the lowest byte, the forced one plus 1 in the next.
const JUDGED: u32 = 0xff;
const FORCED: u32 = 0xff00;
const SHIFT: u32 = 8;

/// The mode of a bus, for all to read.
#[derive(Debug, Default)]
pub struct ModeCell(AtomicU32);

impl ModeCell {
    /// The mode that counts: the forced one, where there is one.
    #[must_use]
    #[inline(always)]
    pub fn mode(&self) -> Mode {
        let word = self.0.load(Ordering::Relaxed);
        if word == 0 { Mode::Normal } else { Self::of(word) }
    }

    #[inline]
    fn of(word: u32) -> Mode {
        let forced = (word & FORCED) >> SHIFT;
        let mode = if forced > 0 { forced - 1 } else { word & JUDGED };
        Mode::from_u8(mode as u8).unwrap_or(Mode::Halted)
    }

    /// The forced mode, where there is one.
    #[must_use]
    pub fn forced(&self) -> Option<Mode> {
        let forced = (self.0.load(Ordering::Relaxed) & FORCED) >> SHIFT;
        forced.checked_sub(1).and_then(|mode| Mode::from_u8(mode as u8))
    }

    /// Sets the mode by hand, from now until [`Self::release`], whatever is judged meanwhile.
    pub fn force(&self, mode: Mode) {
        self.replace(FORCED, (mode as u32 + 1) << SHIFT);
    }

    /// Leaves the mode to whoever judges.
    pub fn release(&self) {
        self.replace(FORCED, 0);
    }

    /// Sets the judged mode.
    pub fn judge(&self, mode: Mode) {
        self.replace(JUDGED, mode as u32);
    }

    fn replace(&self, half: u32, with: u32) {
        let replaced = |word: u32| Some(word & !half | with);
        // It decides what is left out and orders nothing: relaxed will do.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, replaced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hand_is_stronger_and_each_half_keeps_what_the_other_writes() {
        let cell = ModeCell::default();
        assert_eq!((cell.mode(), cell.forced()), (Mode::Normal, None));
        for judged in Mode::ALL {
            cell.judge(judged);
            assert_eq!((cell.mode(), cell.forced()), (judged, None));
            for forced in Mode::ALL {
                cell.force(forced);
                assert_eq!((cell.mode(), cell.forced()), (forced, Some(forced)));
                cell.judge(judged.worse());
                assert_eq!(cell.mode(), forced);
                cell.release();
                assert_eq!(cell.mode(), judged.worse());
                cell.judge(judged);
            }
        }
    }
}
