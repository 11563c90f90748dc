//! Which code a slot of the main job runs: its name says it. A slot is called as its handler (`recorder`), or its handler's name, a dash and
//! whatever tells it from others (`recorder-audit`): so any number of slots runs the same code, each with a policy of its own.

use super::config::{DERIVED, MARKET};

/// What stands between a handler's name and the rest of a slot's.
const DASH: char = '-';

/// The job's handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Books, and prints to the second bus.
    Book,
    /// Signals to the second bus.
    Signal,
    /// Counts and a digest.
    Recorder,
    /// Trades, VWAP, bars.
    Tape,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Book, Self::Signal, Self::Recorder, Self::Tape];

    /// What the slot of that name runs; `None`: the job has no code for it.
    pub(super) fn of(slot: &str) -> Option<Self> {
        let name = slot.split_once(DASH).map_or(slot, |(name, _)| name);
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Signal => "signal",
            Self::Recorder => "recorder",
            Self::Tape => "tape",
        }
    }

    /// The bus whose events it understands.
    pub(super) fn bus(self) -> &'static str {
        if self == Self::Tape { DERIVED } else { MARKET }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_runs_what_its_name_begins_with() {
        for (slot, kind) in [
            ("recorder", Some(Kind::Recorder)),
            ("recorder-audit-2", Some(Kind::Recorder)),
            ("tape-", Some(Kind::Tape)),
            ("recorders", None),
            ("audit-recorder", None),
            ("", None),
        ] {
            assert_eq!(Kind::of(slot), kind, "{slot}");
        }
    }
}
