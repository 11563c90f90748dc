//! The trail of a history group, under loom.

use crate::trail::Trail;
use loom::thread;
use std::sync::Arc;

/// Pushes `count` entries of one chain, each with its number and its link. Where a ring has few cells its publisher soon fences to look for
/// readers, which would stand in for an ordering that is missing.
fn explore(cells: usize, count: u64, look: impl Fn(&Trail<[u64; 2]>) + Send + Sync + Copy + 'static) {
    crate::ring_models::explore(3, move || {
        let (trail, mut writer) = Trail::<[u64; 2]>::new(cells, 1).unwrap();
        let reader = thread::spawn({
            let trail = Arc::clone(&trail);
            move || look(&trail)
        });
        for number in 0..count {
            writer.push(0, |link| [number, link]);
        }
        reader.join().unwrap();
        assert_eq!((trail.kept(), trail.head(0), writer.kept()), (count, count, count));
        assert_eq!(trail.copy(count - 1), Some([count - 1, count - 1]), "each names the one before it");
        assert_eq!((trail.copy(count), trail.oldest()), (None, (count + 1).saturating_sub(cells as u64)));
    });
}

/// Entries that are counted are there, and their chain's head is not older than the count.
/// Guards: the Release and the Acquire of the count (`history-kept`). Weakened, one or the other, loom found a counted entry missing.
#[test]
fn counted_entries_are_there_and_on_their_chain() {
    explore(8, 2, |trail| {
        let kept = trail.kept();
        if let Some(last) = kept.checked_sub(1) {
            assert_eq!(trail.copy(last), Some([last, last]), "a counted entry");
            assert!(trail.head(0) >= kept, "the chain lacks an entry that is counted");
        }
    });
}

/// The entry that a chain begins with is there, and so are those that it leads to.
/// Guards: the Release and the Acquire of the head (`history-head`). Weakened, one or the other, loom found an entry missing that the head names.
#[test]
fn a_chain_leads_to_entries_that_are_there() {
    explore(8, 2, |trail| {
        let mut link = trail.head(0);
        while let Some(number) = link.checked_sub(1) {
            let entry = trail.copy(number);
            assert_eq!(entry, Some([number, number]), "an entry of the chain");
            link = number;
        }
    });
}

/// An entry that is overwritten meanwhile is whole or not there, and is no other one.
#[test]
fn an_overwritten_entry_is_not_taken_for_another() {
    explore(2, 3, |trail| {
        for number in [0, 1] {
            let entry = trail.copy(number);
            assert!(entry.is_none() || entry == Some([number, number]), "{entry:?}");
        }
    });
}
