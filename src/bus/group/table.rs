//! The table of a group: who is a member, who holds which partition, from where one that nobody holds is to be gone on with, and the guard.
//! Changed under the keeper's lock alone; members come to it between two turns, and only where something has changed.
//!
//! Invariant: all of a partition below the sequence that stands here as `resume` is done, or died; nothing of it from there on has been begun.
//! And the guard stands at or below every such sequence, every member's position and every member's late cursor.

use super::handle::MemberCounts;
use super::late::Late;
use super::member::{MemberShared, NOT_LATE};
use super::partition::{PartitionSet, deal};
use crate::bus::name::Name;
use crate::bus::tally::POSITION;
use crate::bus::view::SlotView;
use crate::ring::{Polled, Reader};
use crate::sync::{Ordering, Plain, fence};
use std::sync::Arc;

/// A member.
pub(super) struct Entry {
    pub(super) shared: Arc<MemberShared>,
    /// Once it has started: it takes its part from then on.
    pub(super) view: Option<SlotView>,
    /// Its slot has done all below; never goes back.
    known: u64,
}

impl Entry {
    /// How far its slot is, as seen now or before.
    fn position(&mut self) -> u64 {
        let now = self.view.as_ref().map_or(0, |view| view.shared.count(POSITION));
        self.known = self.known.max(now);
        self.known
    }
}

/// Who has a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody.
    Free { resume: u64 },
    /// A member takes its events as they come, from `since` on. (Which may be ahead of where its slot shows to be: a turn shows that at its end.)
    Held { member: u16, since: u64 },
    /// A member catches up with it, and has begun at `from`.
    Late { member: u16, from: u64 },
}

/// The table of one group.
pub(super) struct Table<T: Plain> {
    pub(super) entries: Vec<Option<Entry>>,
    /// Who is to have each partition.
    targets: Vec<Option<u16>>,
    pub(super) holders: Vec<Holder>,
    pub(super) guard: Option<Reader<T>>,
    pub(super) rebalances: u64,
    pub(super) moved: u64,
    pub(super) abandoned: u64,
    /// What members that are gone have done.
    pub(super) past: MemberCounts,
    /// Members whose partitions were taken from them and whose handler has not returned.
    stuck: Vec<Arc<MemberShared>>,
}

impl<T: Plain> Table<T> {
    pub(super) fn new(partitions: u32) -> Self {
        Self {
            entries: Vec::new(),
            targets: vec![None; partitions as usize],
            holders: vec![Holder::Free { resume: 0 }; partitions as usize],
            guard: None,
            rebalances: 0,
            moved: 0,
            abandoned: 0,
            past: MemberCounts::default(),
            stuck: Vec::new(),
        }
    }

    // --- coming -----------------------------------------------------------------------------------------------------------

    /// The group's own reader begins: it misses nothing from here on.
    pub(super) fn set_guard(&mut self, guard: Reader<T>) {
        let resume = guard.position();
        self.holders.fill(Holder::Free { resume });
        self.guard = Some(guard);
    }

    pub(super) fn members(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    /// One more, which takes no part yet.
    pub(super) fn enter(&mut self, shared: Arc<MemberShared>) {
        let entry = Some(Entry { shared, view: None, known: 0 });
        match self.entries.iter_mut().find(|entry| entry.is_none()) {
            Some(free) => *free = entry,
            None => self.entries.push(entry),
        }
    }

    fn number_of(&self, shared: &Arc<MemberShared>) -> Option<u16> {
        let is_it = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| Arc::ptr_eq(&entry.shared, shared));
        self.entries.iter().position(is_it).map(|at| at as u16)
    }

    /// It has started: it takes its part.
    pub(super) fn join(&mut self, shared: &Arc<MemberShared>, view: SlotView) {
        if let Some(number) = self.number_of(shared)
            && let Some(entry) = &mut self.entries[usize::from(number)]
        {
            entry.view = Some(view);
            self.deal();
        }
    }

    fn deal(&mut self) {
        let joined = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.view.is_some());
        let members: Vec<u16> =
            (0..self.entries.len()).filter(|&at| joined(&self.entries[at])).map(|at| at as u16).collect();
        let moved = deal(&mut self.targets, &members);
        self.rebalances += u64::from(moved > 0);
        self.moved += u64::from(moved);
    }

    // --- between two turns of a member ------------------------------------------------------------------------------------

    /// A member that has seen everything below `next` lets go what is to be another's and takes up what is to be its own. Returns whether that
    /// concerns others.
    pub(super) fn take_up(
        &mut self,
        shared: &Arc<MemberShared>,
        next: u64,
        held: &mut PartitionSet,
        late: &mut Late,
    ) -> bool {
        let Some(me) = self.number_of(shared) else { return false };
        let mut let_go = false;
        for partition in 0..self.holders.len() as u32 {
            let is_mine = self.targets[partition as usize] == Some(me);
            let holder = &mut self.holders[partition as usize];
            match *holder {
                Holder::Held { member, .. } if member == me && !is_mine => {
                    held.remove(partition);
                    *holder = Holder::Free { resume: next };
                    let_go = true;
                }
                Holder::Late { member, .. } if member == me && !is_mine => {
                    *holder = Holder::Free { resume: late.from(partition) };
                    late.remove(partition);
                    let_go = true;
                }
                Holder::Free { resume } if is_mine => {
                    late.add(partition, resume);
                    *holder = Holder::Late { member: me, from: resume };
                }
                _ => {}
            }
        }
        self.promote(me, next, held, late);
        let_go
    }

    /// What a member has caught up with, it takes as it comes from here on.
    pub(super) fn caught_up(
        &mut self,
        shared: &Arc<MemberShared>,
        next: u64,
        held: &mut PartitionSet,
        late: &mut Late,
    ) {
        if let Some(me) = self.number_of(shared) {
            self.promote(me, next, held, late);
        }
    }

    fn promote(&mut self, me: u16, next: u64, held: &mut PartitionSet, late: &mut Late) {
        for partition in late.set.iter() {
            let from = late.from(partition);
            if from == next {
                self.holders[partition as usize] = Holder::Held { member: me, since: next };
                held.insert(partition);
                late.remove(partition);
            } else {
                // The cursor may have gone back: what was done of the others stands here.
                self.holders[partition as usize] = Holder::Late { member: me, from };
            }
        }
        late.settle();
        let Some(entry) = &self.entries[usize::from(me)] else { return };
        entry.shared.lease.set_late(late.next);
        entry.shared.floor.store(late.next, Ordering::Release); // SYNC member-floor
    }

    // --- going ------------------------------------------------------------------------------------------------------------

    /// A member goes by itself, on its own thread. Returns whether it was still one.
    pub(super) fn leave(&mut self, shared: &Arc<MemberShared>, keeps: bool, published: impl Fn() -> u64) -> bool {
        let stuck = self.stuck.len();
        self.stuck.retain(|other| !Arc::ptr_eq(other, shared));
        let Some(number) = self.number_of(shared) else {
            if self.stuck.len() < stuck {
                self.past.add(&shared.counts());
            }
            return false;
        };
        let Some(mut entry) = self.entries[usize::from(number)].take() else { return false };
        let position = entry.position();
        let reached = shared.lease.end_own();
        self.past.add(&shared.counts());
        self.release(number, position.max(reached.next), reached.late);
        self.go_on_without(keeps, published);
        true
    }

    /// Looks whether members have ended without having come here, and takes their partitions. Returns whether there was one.
    pub(super) fn look(&mut self, keeps: bool, published: impl Fn() -> u64) -> bool {
        let is_over = |entry: &Entry| entry.view.as_ref().is_some_and(|view| view.state().is_final());
        let over: Vec<usize> =
            (0..self.entries.len()).filter(|&at| self.entries[at].as_ref().is_some_and(is_over)).collect();
        let mut found = false;
        for number in over {
            let Some(mut entry) = self.entries[number].take() else { continue };
            // Before its lease ends: afterwards its slot goes on over events that are not handled.
            let position = entry.position();
            fence(Ordering::SeqCst);
            let Some(reached) = entry.shared.lease.end() else {
                self.entries[number] = Some(entry);
                continue;
            };
            self.stuck.push(entry.shared);
            self.release(number as u16, position.max(reached.next), reached.late);
            found = true;
        }
        if found {
            self.go_on_without(keeps, published);
        }
        found
    }

    /// All that a member had: what it took as it came goes on at `next`, what it was catching up with at `late`.
    fn release(&mut self, number: u16, next: u64, late: u64) {
        for (holder, target) in self.holders.iter_mut().zip(&mut self.targets) {
            match *holder {
                Holder::Held { member, since } if member == number => {
                    *holder = Holder::Free { resume: since.max(next) }
                }
                Holder::Late { member, from } if member == number => *holder = Holder::Free { resume: from.max(late) },
                _ => {}
            }
            if *target == Some(number) {
                *target = None;
            }
        }
    }

    fn go_on_without(&mut self, keeps: bool, published: impl Fn() -> u64) {
        if self.entries.iter().all(Option::is_none) && !keeps {
            // Nobody is left to handle anything: what nobody began is left behind, and the ring is not held for it.
            let first = self.holders.iter().filter_map(|holder| match holder {
                Holder::Free { resume } => Some(*resume),
                _ => None,
            });
            self.abandoned += first.min().map_or(0, |first| published().saturating_sub(first));
            self.guard = None;
        }
        self.deal();
    }

    // --- the guard --------------------------------------------------------------------------------------------------------

    /// Moves the guard on as far as nobody needs what it holds. Returns where it stands.
    pub(super) fn move_guard(&mut self) -> u64 {
        let free = self.holders.iter().filter_map(|holder| match *holder {
            Holder::Free { resume } => Some(resume),
            _ => None,
        });
        let mut floor = free.min().unwrap_or(u64::MAX);
        for entry in self.entries.iter_mut().flatten() {
            // SYNC member-floor: what it read below is read.
            floor = floor.min(entry.shared.floor.load(Ordering::Acquire));
            if entry.view.is_some() {
                floor = floor.min(entry.position());
            }
        }
        let Some(guard) = &mut self.guard else { return u64::MAX };
        while guard.position() < floor {
            let Polled::Batch(batch) = guard.poll(usize::MAX) else { break };
            let end = batch.sequences().end.min(floor);
            batch.commit_to(end);
        }
        guard.position()
    }

    // --- for those who look -----------------------------------------------------------------------------------------------

    /// Partitions that a member takes as they come, those it catches up with, and its name.
    pub(super) fn share_of(&self, number: u16) -> (u32, u32) {
        let held = |holder: &&Holder| matches!(holder, Holder::Held { member, .. } if *member == number);
        let late = |holder: &&Holder| matches!(holder, Holder::Late { member, .. } if *member == number);
        (self.holders.iter().filter(held).count() as u32, self.holders.iter().filter(late).count() as u32)
    }

    /// Counts of members that are no more, also of those whose handlers have not returned.
    pub(super) fn past(&self) -> MemberCounts {
        let mut past = self.past;
        self.stuck.iter().for_each(|shared| past.add(&shared.counts()));
        past
    }

    pub(super) fn free(&self) -> u32 {
        self.holders.iter().filter(|holder| matches!(holder, Holder::Free { .. })).count() as u32
    }

    /// The name of the member that has, or is to have, a partition.
    pub(super) fn owner(&self, partition: u32) -> Option<Name> {
        let number = match self.holders[partition as usize] {
            Holder::Held { member, .. } | Holder::Late { member, .. } => member,
            Holder::Free { .. } => return None,
        };
        self.entries[usize::from(number)].as_ref()?.view.as_ref().map(SlotView::name)
    }
}

const _: () = assert!(NOT_LATE == u64::MAX, "an empty floor holds nothing back");
