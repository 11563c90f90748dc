//! Building a history: which groups there are, and what each keeps.

use super::entry::EntryOf;
use super::error::HistoryError;
use super::group::Group;
use super::keeper::{HistoryKeeper, Writer};
use super::reader::HistoryReader;
use super::trail::Trail;
use crate::bus::{Bus, Name};
use crate::clock::Clock;
use crate::counters::Block;
use crate::event::{Family, TagSet};
use core::marker::PhantomData;
use core::time::Duration;
use std::sync::Arc;

/// Events of a group at most. (2^28 of the smallest are 32 GiB.)
pub(super) const COUNT_MAX: usize = 1 << 28;
/// A group's ring has so many cells at least, so that a reader of a small one is not lapped between two loads.
const CELLS_MIN: usize = 64;
/// Chains of a group at most: half a megabyte. More keys than that share chains.
const CHAINS_MAX: usize = 1 << 16;

/// What a group keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a group keeps nothing until it is given to a builder"]
pub struct Keep {
    count: usize,
    age: Option<Duration>,
    tags: TagSet,
}

impl Keep {
    /// The last `count` events, 1 to 2^28. The ring behind it has the next power of two of cells: a count somewhat below one leaves readers
    /// as many events of time before the oldest is overwritten under them.
    pub const fn last(count: usize) -> Self {
        Self { count, age: None, tags: TagSet::ALL }
    }

    /// None that was published longer ago than `age`, by the bus's clock. Rings do not shrink: age saves no memory.
    pub const fn within(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Those of these tags alone. Default: all of the family.
    pub const fn tags(mut self, tags: TagSet) -> Self {
        self.tags = tags;
        self
    }

    const fn cells(&self) -> usize {
        let count = if self.count > COUNT_MAX { COUNT_MAX } else { self.count };
        let cells = count.next_power_of_two();
        if cells < CELLS_MIN { CELLS_MIN } else { cells }
    }

    const fn chains(&self) -> usize {
        let cells = self.cells();
        if cells > CHAINS_MAX { CHAINS_MAX } else { cells }
    }

    /// Bytes that such a group of a bus of family `F` takes, all of them when it is built: for each cell of its ring that of the bus and one cache
    /// line, and 8 bytes for each chain.
    #[must_use]
    pub const fn memory_bytes<F: Family>(&self) -> u64 {
        let cell = (size_of::<EntryOf<F>>() + 8).next_multiple_of(64);
        self.cells() as u64 * cell as u64 + self.chains() as u64 * 8
    }
}

/// The history of a bus. Cheap to clone; its memory lives until the last clone, reader and keeper is gone.
///
/// ```
/// use std::time::Duration;
/// use tagring::bus::Bus;
/// use tagring::retain::{History, Keep, Query};
/// use tagring::tags;
///
/// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } pub struct Quote = 2, v1 { pub bid: i64 } }
/// use market::{Events, Quote, Trade};
///
/// let (bus, mut feed) = Bus::<Events>::builder("md").capacity(64).single()?;
/// let trades = Keep::last(1_000).tags(tags![Trade]).within(Duration::from_secs(60));
/// let (history, keeper) = History::builder(&bus).group("trades", trades).group("all", Keep::last(10_000)).build()?;
/// let mut slot = bus.slot("history").tags(keeper.tags()).attach_here(keeper)?;
/// for qty in 0..10 {
///     feed.publish(qty % 2, &Trade { qty: qty.into() })?;
///     feed.publish(qty % 2, &Quote { bid: 100 })?;
/// }
/// while slot.turn() {}
///
/// let reader = history.reader("trades")?; // for any thread
/// let mut found = Vec::new();
/// let coverage = reader.read(&Query::last(3).key(1), &mut found);
/// let qty: Vec<_> = found.iter().filter_map(|kept| kept.event().get::<Trade>()).map(|trade| trade.qty).collect();
/// assert_eq!((qty, coverage.is_complete()), (vec![5, 7, 9], true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct History<F: Family> {
    bus: Name,
    groups: Arc<[Arc<Group<F>>]>,
}

impl<F: Family> Clone for History<F> {
    fn clone(&self) -> Self {
        Self { bus: self.bus, groups: Arc::clone(&self.groups) }
    }
}

/// How to build a [`History`]. Nothing is allocated before [`Self::build`].
#[must_use = "a builder builds nothing until `build` is called"]
pub struct HistoryBuilder<F: Family> {
    bus: Name,
    clock: Clock,
    groups: Vec<(Name, Keep)>,
    family: PhantomData<F>,
}

impl<F: Family> History<F> {
    /// Starts to build the history of a bus.
    pub fn builder(bus: &Bus<F>) -> HistoryBuilder<F> {
        HistoryBuilder { bus: bus.name(), clock: bus.clock().clone(), groups: Vec::new(), family: PhantomData }
    }

    /// A reader of one group, for any thread.
    ///
    /// # Errors
    /// [`HistoryError::Unknown`].
    pub fn reader(&self, group: &str) -> Result<HistoryReader<F>, HistoryError> {
        let found = self.groups.iter().find(|known| known.name == Name::new(group));
        found.map(HistoryReader::new).ok_or_else(|| HistoryError::Unknown {
            bus: self.bus,
            group: group.to_owned(),
            known: self.groups.iter().map(|group| group.name).collect(),
        })
    }

    /// A reader of each group.
    pub fn readers(&self) -> impl Iterator<Item = HistoryReader<F>> + '_ {
        self.groups.iter().map(HistoryReader::new)
    }
}

impl<F: Family> HistoryBuilder<F> {
    /// Adds a group. An event may be of several.
    pub fn group(mut self, name: &str, keep: Keep) -> Self {
        self.groups.push((Name::new(name), keep));
        self
    }

    /// Takes the memory of all groups. The keeper is to be attached to a slot of the bus; until then the history is empty.
    ///
    /// # Errors
    /// [`HistoryError`]; nothing was taken.
    pub fn build(self) -> Result<(History<F>, HistoryKeeper<F>), HistoryError> {
        if self.groups.is_empty() {
            return Err(HistoryError::NoGroup { bus: self.bus });
        }
        for (at, (group, keep)) in self.groups.iter().enumerate() {
            let is_twice = self.groups[..at].iter().any(|(other, _)| other == group);
            if let Some(error) = fault::<F>(self.bus, *group, keep, is_twice) {
                return Err(error);
            }
        }
        let mut groups = Vec::new();
        let mut writers = Vec::new();
        for (name, keep) in self.groups {
            // The cells are a power of two, and no more than a ring may have.
            let too_many = |_| HistoryError::Count { bus: self.bus, group: name, count: keep.count };
            let (trail, writer) = Trail::new(keep.cells(), keep.chains()).map_err(too_many)?;
            let group = Arc::new(Group {
                name,
                tags: keep.tags.intersect(&F::ALL),
                count_max: keep.count as u64,
                age_max: keep.age.map(|age| self.clock.from_ns(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))),
                clock: self.clock.clone(),
                trail,
                counts: Block::new(),
            });
            writers.push(Writer::new(Arc::clone(&group), writer));
            groups.push(group);
        }
        Ok((History { bus: self.bus, groups: groups.into() }, HistoryKeeper::new(writers.into_iter())))
    }
}

/// What is wrong with a group.
fn fault<F: Family>(bus: Name, group: Name, keep: &Keep, is_twice: bool) -> Option<HistoryError> {
    if is_twice {
        Some(HistoryError::Taken { bus, group })
    } else if keep.count == 0 || keep.count > COUNT_MAX {
        Some(HistoryError::Count { bus, group, count: keep.count })
    } else if keep.tags.intersect(&F::ALL).is_empty() {
        Some(HistoryError::NoTag { bus, group, family: F::NAME })
    } else if keep.age == Some(Duration::ZERO) {
        Some(HistoryError::Age { bus, group })
    } else {
        None
    }
}
