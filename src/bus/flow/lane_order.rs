//! Which lane has the next turn, and for how many events at most. Pure numbers: the source of a laned slot ([`super::lanes`]) asks before each turn and
//! says afterwards what was taken. Nothing here looks at a ring, so that the bounds are tested for themselves.

/// Most lanes of a bus.
pub const LANES_MAX: usize = 4;

/// Events of more urgent lanes before a less urgent one has a turn, unless asked otherwise: 16 turns of the usual length.
const STARVATION: u64 = 4_096;

/// How a slot shares its turns between the lanes of its bus.
///
/// Under `Strict` what comes in a more urgent lane is handled after at most one turn of a less urgent one, whatever waits there. Under `Weighted` it
/// may have to wait for one turn of each other lane.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LanePolicy {
    /// The most urgent lane that has something goes first. No lane waits for ever: see [`LanePolicy::wait_max`].
    Strict {
        /// A lane that has something gets a turn after this many events of more urgent lanes, at least 1.
        starvation: u64,
    },
    /// While all lanes have something, each gets events in the proportion of its weight, to within one turn. What a lane does not use is the others'.
    Weighted(
        /// A weight for each lane, at least 1.
        Vec<u32>,
    ),
}

impl Default for LanePolicy {
    fn default() -> Self {
        Self::Strict { starvation: STARVATION }
    }
}

impl LanePolicy {
    /// Most events of other lanes that a slot handles before an event that is the next one of `lane`, on a bus of so many lanes, with turns of at most
    /// `turn_limit` events. What a turn that has begun still covers is part of it.
    ///
    /// With two lanes and `Strict` that is one turn for lane 0, and `starvation` events for lane 1.
    ///
    /// ```
    /// use tagring::bus::LanePolicy;
    ///
    /// let strict = LanePolicy::Strict { starvation: 1_000 };
    /// assert_eq!([0, 1].map(|lane| strict.wait_max(lane, 2, 64)), [64, 1_000]);
    /// let weighted = LanePolicy::Weighted(vec![3, 1]);
    /// assert_eq!([0, 1].map(|lane| weighted.wait_max(lane, 2, 96)), [32, 96]);
    /// ```
    #[must_use]
    pub fn wait_max(&self, lane: usize, lanes: usize, turn_limit: usize) -> u64 {
        let limit = turn_limit.max(1) as u64;
        match self {
            Self::Strict { .. } if lane == 0 => limit,
            // Each other lane that is passed over may come before it, once; and behind a turn each more urgent lane may have something just then, the
            // most urgent one last.
            Self::Strict { starvation } => {
                let others = lanes.saturating_sub(2) * (1 + lane) + (lane - 1);
                starvation + others as u64 * limit
            }
            Self::Weighted(weights) => {
                let others = weights.iter().enumerate().filter(|(other, _)| *other != lane);
                others.map(|(_, weight)| share(weights, *weight, limit)).sum()
            }
        }
    }
}

/// Events of one round for a lane of this weight: the heaviest has one turn, or one event for each unit of its weight where that is more.
fn share(weights: &[u32], weight: u32, limit: u64) -> u64 {
    let heaviest = weights.iter().copied().max().unwrap_or(1).max(1);
    u64::from(weight) * (limit / u64::from(heaviest)).max(1)
}

/// A turn to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) lane: usize,
    pub(super) limit: usize,
}

/// One slot's choice.
pub(super) enum LaneOrder {
    Strict(Strict),
    Weighted(Weighted),
}

impl LaneOrder {
    /// For so many lanes. The policy fits them: who builds the bus has seen to that.
    pub(super) fn new(policy: &LanePolicy, lanes: usize, turn_limit: usize) -> Self {
        debug_assert!((1..=LANES_MAX).contains(&lanes), "{lanes} lanes");
        match policy {
            LanePolicy::Strict { starvation } => Self::Strict(Strict {
                lanes,
                starvation: (*starvation).max(1),
                passed: [0; LANES_MAX],
                served: [0; LANES_MAX],
                turns: 0,
                last: 0,
                is_due: false,
            }),
            LanePolicy::Weighted(weights) => {
                let mut shares = [1; LANES_MAX];
                for (share_of, weight) in shares.iter_mut().zip(weights) {
                    *share_of = share(weights, (*weight).max(1), turn_limit.max(1) as u64);
                }
                Self::Weighted(Weighted { lanes, shares, left: [0; LANES_MAX], at: 0 })
            }
        }
    }

    /// The next turn, of at most `limit` events; `has` says whether a lane has something. `None`: none has.
    #[inline]
    pub(super) fn pick(&mut self, limit: usize, has: impl FnMut(usize) -> bool) -> Option<Pick> {
        match self {
            Self::Strict(strict) => strict.pick(limit, has),
            Self::Weighted(weighted) => weighted.pick(limit, has),
        }
    }

    /// So many events were taken from the lane.
    #[inline]
    pub(super) fn took(&mut self, lane: usize, events: u64) {
        match self {
            Self::Strict(strict) => strict.took(lane, events),
            Self::Weighted(weighted) => weighted.took(lane, events),
        }
    }
}

/// Urgent first, with a bound.
pub(super) struct Strict {
    lanes: usize,
    starvation: u64,
    /// Events of the most urgent lane of the moment since a lane below it had its last turn, or was seen to have nothing. Turns of lanes that were due do not
    /// count: so it grows alike for all that wait, and they are served in the order in which they came to wait.
    passed: [u64; LANES_MAX],
    /// The number of a lane's last turn.
    served: [u64; LANES_MAX],
    turns: u64,
    /// The lane of the last turn, and whether it was its turn because it was due.
    last: usize,
    is_due: bool,
}

impl Strict {
    fn pick(&mut self, limit: usize, mut has: impl FnMut(usize) -> bool) -> Option<Pick> {
        let top = (0..self.lanes).find(|&lane| has(lane))?;
        // Never two turns in a row below a lane that has something: that is what makes an urgent event wait for one at most.
        if self.last <= top
            && let Some(lane) = self.longest_passed(top, has).filter(|lane| *lane != top)
        {
            self.is_due = true;
            return Some(Pick { lane, limit });
        }
        self.is_due = false;
        Some(Pick { lane: top, limit: self.up_to_bound(top, limit) })
    }

    /// Of `top` and the lanes below that are due and have something, the one that was passed over longest. (While it waited others may have been on top.)
    fn longest_passed(&mut self, top: usize, mut has: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut longest: Option<usize> = None;
        for lane in top..self.lanes {
            if self.passed[lane] < self.starvation {
                continue;
            }
            let waits = |lane: usize| (self.passed[lane], core::cmp::Reverse(self.served[lane]));
            if !has(lane) {
                self.passed[lane] = 0;
            } else if longest.is_none_or(|other| waits(lane) > waits(other)) {
                longest = Some(lane);
            }
        }
        longest
    }

    /// A turn ends where a lane below becomes due.
    fn up_to_bound(&self, top: usize, limit: usize) -> usize {
        let left = self.passed[top + 1..self.lanes].iter().filter_map(|passed| self.starvation.checked_sub(*passed));
        left.filter(|left| *left > 0).fold(limit, |limit, left| limit.min(usize::try_from(left).unwrap_or(limit)))
    }

    fn took(&mut self, lane: usize, events: u64) {
        self.turns += 1;
        (self.last, self.passed[lane], self.served[lane]) = (lane, 0, self.turns);
        if self.is_due {
            return;
        }
        for passed in &mut self.passed[lane + 1..self.lanes] {
            *passed += events;
        }
    }
}

/// By weight: deficit round robin (Shreedhar and Varghese, 1995), with events for bytes.
pub(super) struct Weighted {
    lanes: usize,
    /// Events of a round.
    shares: [u64; LANES_MAX],
    /// What is left of it.
    left: [u64; LANES_MAX],
    /// Whose turn it is.
    at: usize,
}

impl Weighted {
    fn pick(&mut self, limit: usize, mut has: impl FnMut(usize) -> bool) -> Option<Pick> {
        // Once around, and back to where a lane had used its share up.
        for _ in 0..=self.lanes {
            let lane = self.at;
            if self.left[lane] > 0 && has(lane) {
                let left = usize::try_from(self.left[lane]).unwrap_or(limit);
                return Some(Pick { lane, limit: limit.min(left) });
            }
            // Its share is used up, or it has nothing and forfeits the rest.
            self.left[lane] = 0;
            self.at = (lane + 1) % self.lanes;
            self.left[self.at] = self.shares[self.at];
        }
        None
    }

    fn took(&mut self, lane: usize, events: u64) {
        self.left[lane] = self.left[lane].saturating_sub(events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lanes as counts of what waits, and what each event met.
    struct Model {
        order: LaneOrder,
        waiting: Vec<u64>,
        served: Vec<u64>,
        /// Events of other lanes since the head of each lane became its head.
        waited: Vec<u64>,
        longest: Vec<u64>,
    }

    impl Model {
        fn new(policy: &LanePolicy, lanes: usize, limit: usize) -> Self {
            let zeroes = || vec![0; lanes];
            let order = LaneOrder::new(policy, lanes, limit);
            Self { order, waiting: zeroes(), served: zeroes(), waited: zeroes(), longest: zeroes() }
        }

        /// After a turn for each of these, during which so much came in each lane.
        fn after(policy: &LanePolicy, lanes: usize, limit: usize, come: &[Vec<u64>]) -> Self {
            let mut model = Self::new(policy, lanes, limit);
            for during in come {
                if model.turn(limit, &during[..lanes]).is_none() {
                    model.waiting.iter_mut().zip(during).for_each(|(waiting, come)| *waiting += come);
                }
            }
            model
        }

        /// One turn, during which something may come in.
        fn turn(&mut self, limit: usize, during: &[u64]) -> Option<(usize, u64)> {
            let waiting = &self.waiting;
            let pick = self.order.pick(limit, |lane| waiting[lane] > 0)?;
            assert!((1..=limit).contains(&pick.limit), "{pick:?}");
            let events = self.waiting[pick.lane].min(pick.limit as u64);
            assert!(events > 0, "a lane that has nothing got a turn");
            self.waiting[pick.lane] -= events;
            self.served[pick.lane] += events;
            self.order.took(pick.lane, events);
            for (lane, come) in during.iter().enumerate() {
                if lane != pick.lane && self.waiting[lane] + come > 0 {
                    self.waited[lane] += events;
                    self.longest[lane] = self.longest[lane].max(self.waited[lane]);
                }
                self.waiting[lane] += come;
            }
            self.waited[pick.lane] = 0;
            Some((pick.lane, events))
        }
    }

    #[test]
    fn issue_4582_the_bound_on_starvation_is_exact_with_two_lanes() {
        for (starvation, limit) in [(1, 1), (1, 64), (10, 3), (64, 64), (100, 64), (4_096, 256)] {
            let mut model = Model::new(&LanePolicy::Strict { starvation }, 2, limit);
            model.waiting = vec![1 << 40, 1 << 40];
            let mut turns = Vec::new();
            let mut urgent = 0;
            while turns.len() < 20 {
                match model.turn(limit, &[0, 0]) {
                    Some((0, events)) => urgent += events,
                    _ => turns.push(core::mem::take(&mut urgent)),
                }
            }
            assert!(turns.iter().all(|events| *events == starvation), "{starvation} {limit}: {turns:?}");
        }
    }

    #[test]
    fn issue_4582_weighted_shares_stay_within_one_turn_of_the_weights() {
        for (weights, limit) in [(vec![3, 1], 256), (vec![8, 4, 2, 1], 64), (vec![1, 1, 1], 7), (vec![1_000, 1], 16)] {
            let mut model = Model::new(&LanePolicy::Weighted(weights.clone()), weights.len(), limit);
            model.waiting = vec![1 << 40; weights.len()];
            let batch = weights.iter().map(|weight| share(&weights, *weight, limit as u64)).max().unwrap();
            let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            for _ in 0..10_000 {
                model.turn(limit, &vec![0; weights.len()]).unwrap();
                let all: u64 = model.served.iter().sum();
                for (served, weight) in model.served.iter().zip(&weights) {
                    let due = all as f64 * f64::from(*weight) / sum as f64;
                    assert!((*served as f64 - due).abs() <= batch as f64, "{weights:?}: {:?}", model.served);
                }
            }
        }
    }

    #[test]
    fn a_lane_alone_has_every_turn_whole() {
        for policy in [LanePolicy::default(), LanePolicy::Weighted(vec![1, 9])] {
            let mut model = Model::new(&policy, 2, 9);
            assert_eq!(model.turn(9, &[0, 100]), None);
            model.waiting = vec![0, 100];
            while model.turn(9, &[0, 0]).is_some() {}
            assert_eq!(model.served, [0, 100], "{policy:?}");
        }
    }

    /// Arrivals at the worst moments, each of which a simpler choice lets a lane wait longer for.
    #[test]
    fn issue_4582_a_lane_that_waits_is_not_overtaken() {
        let on_top_when_due: &[&[u64]] = &[
            &[39, 0, 0],
            &[0; 3],
            &[0, 61, 0],
            &[0; 3],
            &[0; 3],
            &[0, 33, 0],
            &[0; 3],
            &[0, 29, 0],
            &[0, 0, 1],
            &[81, 1, 0],
            &[0; 3],
            &[0, 0, 29],
            &[0; 3],
            &[29, 0, 0],
            &[0; 3],
        ];
        let passed_by_those_below: &[&[u64]] = &[
            &[1, 0, 0, 1],
            &[0, 15, 0, 0],
            &[33, 0, 0, 0],
            &[0; 4],
            &[0, 18, 0, 1],
            &[0; 4],
            &[30, 0, 0, 16],
            &[3, 0, 1, 0],
            &[0; 4],
            &[0, 0, 16, 1],
            &[0, 0, 0, 16],
            &[0; 4],
            &[0; 4],
        ];
        for (starvation, limit, come) in [(81, 29, on_top_when_due), (16, 17, passed_by_those_below)] {
            let come: Vec<Vec<u64>> = come.iter().map(|during| during.to_vec()).collect();
            let (policy, lanes) = (LanePolicy::Strict { starvation }, come[0].len());
            let longest = Model::after(&policy, lanes, limit, &come).longest[1];
            let once_each = starvation + 2 * (lanes as u64 - 2) * limit as u64;
            assert!(longest <= once_each, "{longest} of {once_each}");
        }
    }

    fn policies() -> impl Strategy<Value = (LanePolicy, usize)> {
        (1..=LANES_MAX, prop::collection::vec(1_u32..50, LANES_MAX), 1_u64..200, any::<bool>()).prop_map(
            |(lanes, weights, starvation, is_strict)| match is_strict {
                true => (LanePolicy::Strict { starvation }, lanes),
                false => (LanePolicy::Weighted(weights[..lanes].to_vec()), lanes),
            },
        )
    }

    proptest! {
        #[test]
        fn issue_4582_no_lane_waits_longer_than_its_policy_says(
            (policy, lanes) in policies(),
            limit in 1_usize..40,
            come in prop::collection::vec(prop::collection::vec(prop_oneof![3 => Just(0_u64), 2 => 0_u64..90], LANES_MAX), 1..300),
        ) {
            let model = Model::after(&policy, lanes, limit, &come);
            for lane in 0..lanes {
                let bound = policy.wait_max(lane, lanes, limit);
                prop_assert!(model.longest[lane] <= bound, "lane {lane} of {lanes} waited for {} of {bound}", model.longest[lane]);
            }
        }
    }
}
