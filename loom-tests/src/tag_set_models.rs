//! The atomic tag set under loom.

use crate::event::atomic_tag_set::AtomicTagSet;
use crate::event::tag::Tag;
use crate::event::tag_set::TagSet;
use loom::thread;
use std::sync::Arc;

fn set(tags: &[u16]) -> TagSet {
    tags.iter().map(|&tag| Tag::new(tag)).collect()
}

/// A reader sees the old set or the new one, never half of each, and the version says which.
/// Guards: the Release fence after the odd version and the Acquire fence before the second look (`tag-set-changing`).
/// Each taken out, loom found a torn set.
///
/// The writer runs in the model's own thread, which loom runs first. The other way round loom explores one order only: it remembers
/// the last access to an atomic alone, and a writer that loads before it stores hides the reader's load from it.
#[test]
fn issue_4534_a_tag_set_changes_as_one() {
    crate::ring_models::explore(3, || {
        let (old, new) = (set(&[1, 100]), set(&[2, 101]));
        let tags = Arc::new(AtomicTagSet::new(old));
        let reader = thread::spawn({
            let tags = Arc::clone(&tags);
            move || {
                let mut seen = TagSet::EMPTY;
                let version = tags.load_into(&mut seen);
                assert!(seen == if version == 2 { old } else { new }, "torn at version {version}: {seen:?}");
            }
        });
        assert_eq!(tags.store(&new), 4);
        reader.join().unwrap();
    });
}

/// Two changes at once: neither is lost.
/// Guards: the Acquire of the compare-exchange that makes the version odd. Weakened to Relaxed, loom found an insertion lost.
#[test]
fn issue_4534_no_change_of_a_tag_set_is_lost() {
    crate::ring_models::explore(2, || {
        let tags = Arc::new(AtomicTagSet::new(TagSet::EMPTY));
        let other = thread::spawn({
            let tags = Arc::clone(&tags);
            move || tags.insert(&set(&[1, 100]))
        });
        tags.insert(&set(&[2]));
        other.join().unwrap();
        let mut seen = TagSet::EMPTY;
        assert_eq!(tags.load_into(&mut seen), 6);
        assert!(seen == set(&[1, 2, 100]), "{seen:?}");
    });
}
