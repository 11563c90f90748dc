//! The latest records of one writer, under loom.

use crate::latest::Latest;
use loom::thread;
use std::sync::Arc;

/// A record that is counted is there, whole, and is the one that was asked for.
/// Guards: the Release of the count (`record-counted`), which the Acquire fence of a block's copy takes up. Weakened, loom found a counted
/// record missing.
#[test]
fn counted_records_are_there() {
    crate::ring_models::explore(3, || {
        let latest = Arc::new(Latest::<2>::new(2));
        let reader = thread::spawn({
            let latest = Arc::clone(&latest);
            move || {
                if let Some(last) = latest.count().checked_sub(1) {
                    assert_eq!(latest.copy(last), Some([last + 1, 10 * last]), "the latest record");
                }
            }
        });
        (0..2).for_each(|number| latest.push(&mut [0, 10 * number]));
        reader.join().unwrap();
        assert_eq!((latest.copy(0), latest.copy(2)), (Some([1, 0]), None));
    });
}

/// A record that is overwritten meanwhile is not taken for another one.
#[test]
fn an_overwritten_record_is_nobody_elses() {
    crate::ring_models::explore(3, || {
        let latest = Arc::new(Latest::<2>::new(1));
        let reader = thread::spawn({
            let latest = Arc::clone(&latest);
            move || {
                let copy = latest.copy(0);
                assert!(copy.is_none() || copy == Some([1, 7]), "{copy:?}");
            }
        });
        latest.push(&mut [0, 7]);
        latest.push(&mut [0, 8]);
        reader.join().unwrap();
        assert_eq!((latest.copy(0), latest.copy(1)), (None, Some([2, 8])));
    });
}
