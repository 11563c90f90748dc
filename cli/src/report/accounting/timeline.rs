//! How slots did over time: looks of the main thread while the job ran.

use super::Lost;
use crate::series::{Joined, Series};
use std::time::Duration;

pub(crate) type Timeline = Series<Moment>;

/// What one look saw, or several that were put together: counts as they stood at the last, everything else at its worst.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    /// Since the feed began.
    pub(crate) at: Duration,
    /// Memory of the process that is there.
    pub(crate) resident_bytes: u64,
    /// The mode of each bus, as it is numbered.
    pub(crate) modes: Vec<u8>,
    pub(crate) slots: Vec<SlotMoment>,
}

/// One slot's part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotMoment {
    pub(crate) lag: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: Lost,
}

impl Joined for Moment {
    fn with(&self, next: &Self) -> Self {
        let modes = self.modes.iter().zip(&next.modes).map(|(one, other)| *one.max(other));
        let slots = self.slots.iter().zip(&next.slots);
        Self {
            at: next.at,
            resident_bytes: self.resident_bytes.max(next.resident_bytes),
            modes: modes.collect(),
            slots: slots.map(|(one, other)| SlotMoment { lag: one.lag.max(other.lag), ..*other }).collect(),
        }
    }
}

/// Memory while the feed ran: at the first look, at the last, and the most. The last moment is after its end, when its input is gone.
pub(crate) fn memory(timeline: &Timeline) -> Option<[u64; 3]> {
    let of = |moment: &Moment| moment.resident_bytes;
    let all = timeline.all().split_last()?.1;
    Some([of(all.first()?), of(all.last()?), all.iter().map(of).max()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_put_together_keep_the_last_counts_and_the_worst_of_all_else() {
        let moment = |at, resident_bytes, mode, lag, delivered| Moment {
            at: Duration::from_secs(at),
            resident_bytes,
            modes: vec![mode],
            slots: vec![SlotMoment { lag, delivered, lost: [delivered, 0, 0, 0, 0] }],
        };
        let both = moment(1, 70, 2, 500, 10).with(&moment(2, 60, 1, 3, 30));
        assert_eq!((both.at.as_secs(), both.resident_bytes, both.modes[0]), (2, 70, 2));
        assert_eq!(both.slots[0], SlotMoment { lag: 500, delivered: 30, lost: [30, 0, 0, 0, 0] });
        let mut timeline = Timeline::default();
        assert_eq!(memory(&timeline), None);
        for (at, bytes) in [(1, 70), (2, 90), (3, 80), (4, 10)] {
            timeline.push(moment(at, bytes, 0, 0, 0));
        }
        assert_eq!(memory(&timeline), Some([70, 80, 90]));
    }
}
