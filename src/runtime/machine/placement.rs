//! Placement: from a machine and demands to who runs where, or to all mistakes. A pure function: the same input gives the same answer.
//!
//! Lists are obeyed first. Then the number of threads is settled: each busy demand gets one thread and one core, threads that spin before
//! those that yield; what is left lets groups grow in turn. Only then cores are chosen. Invariant: where a thread spins, no other one is.

use super::demand::{Demand, DemandKind, Waits};
use super::placed::{Placed, Placement, Why};
use super::placement_error::{PlacementError, Wanted, Who};
use super::topology::{Core, Topology};
use crate::runtime::config::Cores;
use std::collections::BTreeMap;

/// Places threads on cores.
///
/// Explicit lists are obeyed or refused; `Any` is not pinned. `Auto` gives each thread that keeps a core busy one to itself: not the
/// machine's first core as long as there are others, isolated ones first, then those whose hyper-threads are free, on the node
/// of the demand it is `near`. Groups shrink to one thread where cores are few. Threads that yield share where there is no other way
/// ([`Placement::findings`] says so); one that spins never shares. A group that spins leaves one core to threads that park, and those
/// share what nobody is busy on.
///
/// ```
/// use tagring::runtime::machine::{Demand, Topology, Waits, place};
///
/// let machine = Topology::regular(1, 4, 1);
/// let demands = [Demand::feed("itch", Waits::Spins), Demand::slots("slots", Waits::Spins, 8, 8), Demand::service("service")];
/// let placement = place(&machine, &demands).unwrap();
/// assert_eq!(placement.cores_of(0).collect::<Vec<_>>(), [Some(1)]);
/// assert_eq!(placement.cores_of(1).collect::<Vec<_>>(), [Some(2), Some(3)]);
/// assert_eq!(placement.cores_of(2).collect::<Vec<_>>(), [Some(0)]);
/// ```
///
/// # Errors
/// Every [`PlacementError`] there is.
pub fn place(topology: &Topology, demands: &[Demand]) -> Result<Placement, Vec<PlacementError>> {
    let mut plan = Plan::new(topology, demands);
    plan.obey_lists();
    plan.refuse_shared_cores();
    plan.count_busy();
    if !plan.mistakes.is_empty() {
        return Err(plan.mistakes);
    }
    plan.seat_busy(Waits::Spins);
    plan.seat_busy(Waits::Yields);
    plan.seat_parking();
    plan.threads.sort_by_key(|placed| (placed.demand, placed.thread));
    Ok(Placement { threads: plan.threads })
}

/// Threads of one demand.
#[derive(Clone, Copy, Default)]
struct Count {
    /// Threads.
    threads: usize,
    /// Those of them that have a core of their own; the others are doubled up.
    own: usize,
}

struct Plan<'a> {
    topology: &'a Topology,
    demands: &'a [Demand],
    /// What the threads on a core do while idle.
    seats: BTreeMap<usize, Vec<Waits>>,
    counts: Vec<Count>,
    threads: Vec<Placed>,
    mistakes: Vec<PlacementError>,
}

impl<'a> Plan<'a> {
    fn new(topology: &'a Topology, demands: &'a [Demand]) -> Self {
        let counts = vec![Count::default(); demands.len()];
        Self { topology, demands, seats: BTreeMap::new(), counts, threads: Vec::new(), mistakes: Vec::new() }
    }

    fn obey_lists(&mut self) {
        for (at, demand) in self.demands.iter().enumerate() {
            let Cores::List(cores) = &demand.cores else { continue };
            let allowed = self.topology.allowed();
            let (listed, refused): (Vec<usize>, Vec<usize>) = cores.iter().partition(|core| allowed.contains(core));
            let threads = demand.threads_wanted();
            if cores.is_empty() {
                self.mistakes.push(PlacementError::EmptyList { who: who(demand) });
            }
            if !refused.is_empty() {
                self.mistakes.push(PlacementError::NotAllowed { who: who(demand), cores: refused, allowed });
            }
            let spins = demand.waits == Waits::Spins;
            if spins && !cores.is_empty() && cores.len() < threads {
                let cores = cores.clone();
                self.mistakes.push(PlacementError::ListTooShort { who: who(demand), cores, threads });
            }
            let seats = if spins { threads.min(listed.len()) } else { threads };
            for (thread, &core) in listed.iter().cycle().take(seats).enumerate() {
                self.seat(at, thread, Some(core), Why::Listed);
            }
        }
    }

    /// After the lists: who was put on one core with a thread that spins.
    fn refuse_shared_cores(&mut self) {
        let placement = Placement { threads: std::mem::take(&mut self.threads) };
        for (core, threads) in placement.by_core() {
            let Some(at) = threads.iter().position(|placed| placed.waits == Waits::Spins) else { continue };
            let others = threads.iter().enumerate().filter(|(other, _)| *other != at);
            let spinning = self.who_of(threads[at]);
            let mistake = |(_, other): (usize, &&Placed)| PlacementError::SharedCore {
                core,
                spinning: spinning.clone(),
                other: self.who_of(other),
            };
            let mistakes: Vec<_> = others.map(mistake).collect();
            self.mistakes.extend(mistakes);
        }
        self.threads = placement.threads;
    }

    fn who_of(&self, placed: &Placed) -> Who {
        let demand = &self.demands[placed.demand];
        Who { thread: (demand.threads_wanted() > 1).then_some(placed.thread), ..who(demand) }
    }

    /// How many threads each busy demand without a list has.
    fn count_busy(&mut self) {
        let mut left = self.free().len();
        let missing = self.count_first(Waits::Spins, &mut left);
        let unspun = self.unspun() > self.open(Waits::Spins).map(|at| self.counts[at].own).sum();
        let doubled = self.count_first(Waits::Yields, &mut left);
        let homeless = usize::from(doubled > 0 && !unspun);
        if missing + homeless > 0 {
            let error = self.too_few(missing + homeless);
            return self.mistakes.push(error);
        }
        self.grow_groups(left);
    }

    /// One thread for each, and a core of its own as long as there are any. How many got none.
    fn count_first(&mut self, waits: Waits, left: &mut usize) -> usize {
        let mut without = 0;
        for at in self.open(waits).collect::<Vec<_>>() {
            let own = usize::from(*left > 0);
            self.counts[at] = Count { threads: 1, own };
            *left -= own;
            without += 1 - own;
        }
        without
    }

    /// One thread more for each group in turn, as long as there are slots and cores.
    fn grow_groups(&mut self, mut left: usize) {
        let parked = |demand: &Demand| demand.waits == Waits::Parks && !matches!(demand.cores, Cores::List(_));
        let kept_for_parked = usize::from(self.demands.iter().any(parked));
        let mut grown = true;
        while std::mem::take(&mut grown) {
            for (at, demand) in self.demands.iter().enumerate() {
                let kept = if demand.waits == Waits::Spins { kept_for_parked } else { 0 };
                let open = demand.waits.is_busy() && !matches!(demand.cores, Cores::List(_));
                if open && self.counts[at].threads < demand.threads_wanted() && left > kept {
                    self.counts[at].threads += 1;
                    self.counts[at].own += 1;
                    left -= 1;
                    grown = true;
                }
            }
        }
    }

    #[cold]
    fn too_few(&self, missing: usize) -> PlacementError {
        let allowed = self.topology.allowed();
        let busy = self.demands.iter().filter(|demand| demand.waits.is_busy());
        let wanted = busy.map(|demand| Wanted {
            who: who(demand),
            waits: demand.waits,
            threads: if matches!(demand.cores, Cores::List(_)) { demand.threads_wanted() } else { 1 },
        });
        PlacementError::TooFewCores { wanted: wanted.collect(), needed: allowed.len() + missing, allowed }
    }

    /// Demands of that kind without a list.
    fn open(&self, waits: Waits) -> impl Iterator<Item = usize> + use<'a> {
        let demands = self.demands.iter().enumerate();
        demands.filter(move |(_, d)| d.waits == waits && !matches!(d.cores, Cores::List(_))).map(|(at, _)| at)
    }

    fn seats_on(&self, core: usize) -> &[Waits] {
        self.seats.get(&core).map_or(&[], Vec::as_slice)
    }

    fn allowed(&self) -> impl Iterator<Item = &'a Core> + use<'a> {
        self.topology.cores().iter().filter(|core| core.allowed)
    }

    /// Cores with nobody on them.
    fn free(&self) -> Vec<&'a Core> {
        self.allowed().filter(|core| self.seats_on(core.id).is_empty()).collect()
    }

    /// Cores on which nobody spins.
    fn unspun(&self) -> usize {
        self.allowed().filter(|core| !self.seats_on(core.id).contains(&Waits::Spins)).count()
    }

    fn seat_busy(&mut self, waits: Waits) {
        for at in self.open(waits).collect::<Vec<_>>() {
            let Count { threads, own } = self.counts[at];
            for thread in 0..threads {
                let home = self.home(at);
                let (core, why) = match self.demands[at].cores {
                    Cores::Any => (None, Why::Anywhere),
                    _ if thread < own => self.best_free(at, home),
                    _ => (self.least_shared(home), Why::Doubled),
                };
                self.seat(at, thread, core, why);
            }
        }
    }

    fn seat(&mut self, demand: usize, thread: usize, core: Option<usize>, why: Why) {
        let Demand { name, kind, waits, .. } = &self.demands[demand];
        if let Some(core) = core {
            self.seats.entry(core).or_default().push(*waits);
        }
        self.threads.push(Placed { demand, name: name.clone(), kind: *kind, waits: *waits, thread, core, why });
    }

    /// The node a demand should be on: that of its own threads, of the demand it is near, or of one that is near it. Without any, the
    /// node with the most free cores, the kernel's not counted, so that those who come after fit there.
    fn home(&self, at: usize) -> usize {
        self.own_node(at).or_else(|| self.partner_node(at)).unwrap_or_else(|| {
            let mut free: BTreeMap<usize, usize> = BTreeMap::new();
            let first = self.topology.first();
            for core in self.free().iter().filter(|core| Some(core.id) != first) {
                *free.entry(core.node).or_default() += 1;
            }
            let most = free.values().copied().max();
            free.into_iter().find(|(_, count)| Some(*count) == most).map_or(0, |(node, _)| node)
        })
    }

    fn own_node(&self, at: usize) -> Option<usize> {
        self.threads.iter().filter(|placed| placed.demand == at).find_map(|placed| self.node_of(placed))
    }

    fn partner_node(&self, at: usize) -> Option<usize> {
        let near = self.demands[at].near;
        let partner = |placed: &&Placed| Some(placed.demand) == near;
        let follower = |placed: &&Placed| placed.demand != at && self.demands[placed.demand].near == Some(at);
        let node = |placed: &Placed| self.node_of(placed);
        self.threads
            .iter()
            .filter(partner)
            .find_map(node)
            .or_else(|| self.threads.iter().filter(follower).find_map(node))
    }

    fn node_of(&self, placed: &Placed) -> Option<usize> {
        placed.core.and_then(|core| self.topology.core(core)).map(|core| core.node)
    }

    /// Hyper-threads of the same physical core that are in use, the one left to the kernel included.
    fn siblings_in_use(&self, core: &Core) -> usize {
        let in_use = |&&id: &&usize| !self.seats_on(id).is_empty() || Some(id) == self.topology.first();
        core.siblings.iter().filter(in_use).count()
    }

    fn best_free(&self, at: usize, home: usize) -> (Option<usize>, Why) {
        let first = self.topology.first();
        let cost = |core: &&Core| {
            (Some(core.id) == first, !core.isolated, self.siblings_in_use(core), core.node != home, core.id)
        };
        let Some(core) = self.free().into_iter().min_by_key(cost) else { return (None, Why::NoneLeft) };
        let near = self.partner_node(at).map(|node| node == core.node);
        let whole = core.siblings.iter().all(|&id| self.seats_on(id).is_empty());
        (Some(core.id), Why::Own { isolated: core.isolated, whole, near })
    }

    /// The core on which it hurts least that one more yields there. One that is free is meant for a thread that is not pinned.
    fn least_shared(&self, home: usize) -> Option<usize> {
        let cost = |core: &&Core| {
            let seats = self.seats_on(core.id);
            let yielding = seats.iter().filter(|waits| waits.is_busy()).count();
            (seats.is_empty(), yielding, seats.len(), core.node != home, core.id)
        };
        let open = self.allowed().filter(|core| !self.seats_on(core.id).contains(&Waits::Spins));
        open.min_by_key(cost).map(|core| core.id)
    }

    /// Threads that park, on cores on which nobody is busy; isolated ones last, they are wasted on them.
    fn seat_parking(&mut self) {
        for at in self.open(Waits::Parks).collect::<Vec<_>>() {
            let quiet: Vec<&Core> =
                self.allowed().filter(|core| self.seats_on(core.id).iter().all(|waits| !waits.is_busy())).collect();
            let demand = &self.demands[at];
            let threads = match demand.kind {
                DemandKind::Slots => demand.threads_wanted().min(quiet.len().max(1)),
                DemandKind::Feed | DemandKind::Service => 1,
            };
            for thread in 0..threads {
                let home = self.home(at);
                let cost = |core: &&&Core| (core.isolated, self.seats_on(core.id).len(), core.node != home, core.id);
                let (core, why) = match (&demand.cores, quiet.iter().min_by_key(cost)) {
                    (Cores::Any, _) => (None, Why::Anywhere),
                    (_, Some(core)) => (Some(core.id), Why::LeftOver),
                    (_, None) => (None, Why::NoneLeft),
                };
                self.seat(at, thread, core, why);
            }
        }
    }
}

fn who(demand: &Demand) -> Who {
    Who { name: demand.name.clone(), key: demand.key.clone(), thread: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waits() -> impl Strategy<Value = Waits> {
        prop_oneof![Just(Waits::Spins), Just(Waits::Yields), Just(Waits::Parks)]
    }

    fn cores() -> impl Strategy<Value = Cores> {
        prop_oneof![
            6 => Just(Cores::Auto),
            1 => Just(Cores::Any),
            2 => proptest::collection::vec(0..10_usize, 0..4).prop_map(Cores::List),
        ]
    }

    fn demand() -> impl Strategy<Value = Demand> {
        let near = proptest::option::of(0..6_usize);
        (0..3, waits(), cores(), 0..5_usize, 0..5_usize, near).prop_map(|(kind, waits, cores, max, slots, near)| {
            let demand = match kind {
                0 => Demand::feed("feed", waits),
                1 => Demand { waits, ..Demand::service("service") },
                _ => Demand::slots("slots", waits, max, slots),
            };
            Demand { cores, near, ..demand }
        })
    }

    fn machine() -> impl Strategy<Value = Topology> {
        let bits = proptest::collection::vec((any::<bool>(), 0..8, 0..8), 16);
        (1..3_usize, 1..5_usize, 1..3_usize, bits).prop_map(|(nodes, cores, threads, bits)| {
            let regular = Topology::regular(nodes, cores, threads);
            Topology::made_up(regular.cores().iter().cloned().zip(bits).map(|(core, (isolated, masked, off))| Core {
                isolated,
                allowed: masked > 0,
                online: off > 0,
                ..core
            }))
        })
    }

    /// Cores that a demand's threads fill, one demand alone having no more than `own`.
    fn obeys(placement: &Placement, topology: &Topology, demands: &[Demand]) -> Result<(), TestCaseError> {
        let allowed = topology.allowed();
        for placed in &placement.threads {
            prop_assert!(placed.core.is_none_or(|core| allowed.contains(&core)), "only allowed cores");
            match &demands[placed.demand].cores {
                Cores::List(list) => prop_assert_eq!(placed.core, Some(list[placed.thread % list.len()])),
                Cores::Any => prop_assert_eq!(placed.core, None),
                Cores::Auto if placed.waits.is_busy() => prop_assert!(placed.core.is_some(), "busy ones are pinned"),
                Cores::Auto => {}
            }
        }
        for (at, demand) in demands.iter().enumerate() {
            let threads = placement.cores_of(at).count();
            prop_assert!((1..=demand.threads_wanted()).contains(&threads), "at least one, at most as wanted");
        }
        for (core, threads) in placement.by_core() {
            let spins = threads.iter().any(|placed| placed.waits == Waits::Spins);
            prop_assert!(!spins || threads.len() == 1, "core {} is shared with one that spins", core);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn what_is_placed_obeys_the_rules_and_is_the_same_each_time(
            topology in machine(), demands in proptest::collection::vec(demand(), 0..6)
        ) {
            let placement = place(&topology, &demands);
            prop_assert_eq!(&placement, &place(&topology, &demands));
            match placement {
                Ok(placement) => obeys(&placement, &topology, &demands)?,
                Err(mistakes) => prop_assert!(!mistakes.is_empty()),
            }
        }

        #[test]
        fn as_many_threads_as_possible_and_a_refusal_only_where_it_cannot_be(
            topology in machine(), demands in proptest::collection::vec(demand(), 0..6)
        ) {
            let demands: Vec<Demand> =
                demands.into_iter().map(|demand| Demand { cores: Cores::Auto, ..demand }).collect();
            let count = |waits| demands.iter().filter(|demand| demand.waits == waits).count();
            let (cores, spins) = (topology.allowed().len(), count(Waits::Spins));
            let fits = spins + usize::from(count(Waits::Yields) > 0) <= cores;
            let placement = match place(&topology, &demands) {
                Ok(placement) if fits => placement,
                Err(mistakes) if !fits => {
                    prop_assert!(matches!(mistakes[..], [PlacementError::TooFewCores { .. }]), "{:?}", mistakes);
                    return Ok(());
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            let left = cores - placement.busy_cores().len();
            let doubled = placement.threads.iter().any(|placed| placed.why == Why::Doubled);
            prop_assert!(!doubled || left == 0, "nobody is doubled up while a core is free");
            for (at, demand) in demands.iter().enumerate().filter(|(_, demand)| demand.waits.is_busy()) {
                let kept = usize::from(demand.waits == Waits::Spins && count(Waits::Parks) > 0);
                let full = placement.cores_of(at).count() == demand.threads_wanted();
                prop_assert!(full || left <= kept, "a group could have one thread more");
            }
            for placed in placement.threads.iter().filter(|placed| placed.waits == Waits::Parks) {
                let quiet = placed.core.is_some_and(|core| !placement.busy_cores().contains(&core));
                prop_assert!(quiet || left == 0, "those that park are kept off busy cores where that can be");
            }
        }
    }
}
