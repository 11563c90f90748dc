//! When a slot that is too slow is cut off: a pure state machine that is shown at intervals how far the slot is, and says when that is too far.
//! The service thread feeds it. (A slot that fills its ring is cut off by the publisher that meets it, at once.)

/// What is too far behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct CutOffBounds {
    /// Events behind; 0: however many.
    pub(super) lag_events: u64,
    /// What was published so long ago, in nanoseconds of looks, has not been handled; 0: however long.
    pub(super) after_ns: u64,
}

/// One slot, as of the last look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CutOff {
    /// What was published at some earlier look, and has not been handled.
    mark: u64,
    since_ns: u64,
}

impl CutOff {
    /// One look, `interval_ns` after the one before: so much is published, so much of it is done. Whether the slot is to be cut off.
    pub(super) fn look(&mut self, bounds: CutOffBounds, published: u64, position: u64, interval_ns: u64) -> bool {
        if position >= self.mark {
            (self.mark, self.since_ns) = (published, 0);
        } else {
            self.since_ns = self.since_ns.saturating_add(interval_ns);
        }
        let lag = published.saturating_sub(position);
        (bounds.lag_events > 0 && lag > bounds.lag_events) || (bounds.after_ns > 0 && self.since_ns >= bounds.after_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4553_a_slot_is_cut_off_by_events_and_by_time() {
        let by_events = CutOffBounds { lag_events: 10, after_ns: 0 };
        let mut slot = CutOff::default();
        assert!(!slot.look(by_events, 10, 0, 1) && slot.look(by_events, 11, 0, 1));
        let by_time = CutOffBounds { lag_events: 0, after_ns: 50 };
        let mut slot = CutOff::default();
        let looks = (0..).find(|_| slot.look(by_time, 5, 4, 10));
        assert_eq!(looks, Some(5), "the first look sees what is to be done, five more make 50");
    }

    #[test]
    fn issue_4553_a_slot_that_keeps_up_is_not_whatever_its_lag() {
        let mut slot = CutOff::default();
        let bounds = CutOffBounds { lag_events: 0, after_ns: 50 };
        // Each look it has done what was there two looks before.
        assert!((2..10_000).all(|look| !slot.look(bounds, look * 100, (look - 2) * 100, 10)));
    }
}
