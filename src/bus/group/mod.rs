//! Groups: slots that share the events of one bus by key, the events of each key handled once and in order, also while members come, go and die.
//!
//! Uses the slots as they are: a [`Member`] is a handler around the user's, which passes over what belongs to others. Nothing per event is
//! shared: which partitions a member holds is plain memory of its own. `docs/adr/0006` has the protocol and why nothing is lost, doubled
//! or reordered.
//!
//! *Who holds what.* A key belongs to a partition for good, a partition to at most one member at a time. It changes hands only through the
//! [`table::Table`]: its holder lets it go between two of its turns, with the sequence up to which everything of it is done; whoever takes it up
//! goes on from exactly there. Of a member that has ended, that sequence is where it last began an event, which its [`Lease`] tells.
//!
//! *What has gone by.* A member that takes a partition up may have read past that sequence. So the group has a reader of its own on the ring,
//! the **guard**, which never passes what somebody may still have to read again: those events are copied from the ring, in order, between
//! two turns, before the member takes newer ones of that partition as they come.

mod error;
mod handle;
mod keeper;
mod late;
mod lease;
mod member;
mod partition;
mod table;

pub use error::GroupError;
pub use handle::{Group, GroupBuilder, GroupStats, MemberCounts, MemberStats};
pub(crate) use keeper::LookAfter;
pub use member::Member;
pub use partition::Partitions;

pub(super) use lease::{Begun, Lease};
pub(super) use partition::{PartitionSet, deal};

#[cfg(test)]
mod tests {
    use super::lease::Reached;
    use super::*;

    /// (Here, because `lease.rs` is also compiled for loom.)
    #[test]
    fn what_was_begun_before_the_end_is_known_and_what_comes_behind_is_left() {
        let lease = Lease::new();
        assert_eq!((lease.begin(4), lease.begin(9), lease.begin_late(2)), (Begun::Yes, Begun::Yes, Begun::Yes));
        assert_eq!(lease.end(), Some(Reached { next: 10, late: 3 }));
        assert_eq!((lease.begin(11), lease.begin_late(5)), (Begun::Left, Begun::Left));
    }
}
