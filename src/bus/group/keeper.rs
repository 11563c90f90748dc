//! What all members of one group share: the bus, the table behind a lock, and the two words that tell a member whether it need look there.
//!
//! The lock is taken by who adds a member, by a member that starts or ends, and by `look`; a member between two turns only tries it, and comes
//! again where somebody has it. Nothing waits, calls a handler or publishes under it.

use super::error::GroupError;
use super::member::MemberShared;
use super::partition::Partitions;
use super::table::Table;
use crate::bus::builder::Bus;
use crate::bus::name::Name;
use crate::bus::view::SlotView;
use crate::event::Family;
use crate::sync::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Where the guard stands while there is none.
const NO_GUARD: u64 = u64::MAX;
/// A member that finds the guard further behind than this part of the ring moves it on: rarely, and long before publishers feel it.
const SLACK: u64 = 8;

/// One group.
pub(super) struct Keeper<F: Family> {
    pub(super) bus: Bus<F>,
    pub(super) name: Name,
    pub(super) partitions: Partitions,
    /// Whether events are kept for members to come while there is none.
    keeps: bool,
    slack: u64,
    /// Changes with the table, where that concerns members.
    version: AtomicU64,
    /// Where the guard stood when it was last moved. A hint.
    guarded: AtomicU64,
    table: Mutex<Table<F::Cell>>,
}

/// A group, whatever its family: for who looks after it at intervals.
pub(crate) trait LookAfter: Send + Sync {
    /// Takes the partitions of members that have ended without saying so, and moves the guard on.
    fn look(&self);
}

impl<F: Family> LookAfter for Keeper<F> {
    fn look(&self) {
        let mut table = self.table();
        self.look_in(&mut table);
    }
}

impl<F: Family> Keeper<F> {
    pub(super) fn new(bus: Bus<F>, name: Name, partitions: Partitions, keeps: bool) -> Self {
        let slack = bus.capacity() as u64 / SLACK;
        Self {
            bus,
            name,
            partitions,
            keeps,
            slack,
            version: AtomicU64::new(0),
            guarded: AtomicU64::new(NO_GUARD),
            table: Mutex::new(Table::new(partitions.count())),
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table<F::Cell>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_table(&self) -> Option<MutexGuard<'_, Table<F::Cell>>> {
        match self.table.try_lock() {
            Ok(table) => Some(table),
            Err(TryLockError::Poisoned(table)) => Some(table.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Relaxed: who sees a new version takes the lock and sees what is behind it.
    #[inline(always)]
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// Members are to look at the table; those that sleep are woken.
    fn tell(&self) {
        self.version.store(self.version() + 1, Ordering::Relaxed);
        self.bus.inner.ring.doorbell().ring();
    }

    /// How far the guard is behind `next`.
    #[inline(always)]
    pub(super) fn behind(&self, next: u64) -> u64 {
        next.saturating_sub(self.guarded.load(Ordering::Relaxed))
    }

    /// Whether a member that has come to `next` in the middle of its work is to look after the guard.
    #[inline(always)]
    pub(super) fn is_far_behind(&self, next: u64) -> bool {
        self.behind(next) > self.slack
    }

    /// A new member. The first takes the group's own reader along.
    pub(super) fn enter(&self, shared: &Arc<MemberShared>) -> Result<(), GroupError> {
        let mut table = self.table();
        let members = table.members();
        if members >= self.partitions.count() as usize {
            return Err(GroupError::MembersExhausted { group: self.name, members });
        }
        if table.guard.is_none() {
            let (group, bus) = (self.name, self.bus.name());
            let guard = self.bus.inner.ring.attach().map_err(|cause| GroupError::NoPlace { group, bus, cause })?;
            self.bus.inner.names.set(guard.id(), Name::new(&format!("group {group}")));
            self.guarded.store(guard.position(), Ordering::Relaxed);
            table.set_guard(guard);
        }
        table.enter(Arc::clone(shared));
        Ok(())
    }

    /// The member's slot has started.
    pub(super) fn join(&self, shared: &Arc<MemberShared>, view: SlotView) {
        self.table().join(shared, view);
        self.tell();
    }

    /// The member goes.
    pub(super) fn leave(&self, shared: &Arc<MemberShared>) {
        let mut table = self.table();
        let left = table.leave(shared, self.keeps, || self.bus.published());
        self.show_guard(&mut table);
        drop(table);
        if left {
            self.tell();
        }
    }

    /// Between two turns of a member: what `change` does to the table, which says whether that concerns others. Returns the version that the
    /// member knows now; `None`: somebody else is at the table.
    pub(super) fn try_change(&self, change: impl FnOnce(&mut Table<F::Cell>) -> bool) -> Option<u64> {
        let mut table = self.try_table()?;
        if change(&mut table) {
            self.tell();
        }
        Some(self.version())
    }

    /// Looks for members that have ended, and moves the guard on, unless somebody else is at it.
    pub(super) fn try_look(&self) {
        // SYNC guard-moved: of two members that come to their ends at once, one sees the other's position here.
        fence(Ordering::SeqCst);
        if let Some(mut table) = self.try_table() {
            self.look_in(&mut table);
        }
    }

    fn look_in(&self, table: &mut Table<F::Cell>) {
        if table.look(self.keeps, || self.bus.published()) {
            self.tell();
        }
        self.show_guard(table);
    }

    fn show_guard(&self, table: &mut Table<F::Cell>) {
        self.guarded.store(table.move_guard(), Ordering::Relaxed);
    }
}
