//! Counts that are read together, under loom.

use crate::block::Block;
use loom::thread;
use std::sync::Arc;

/// A reader sees the counts as one write left them, never half of two, though the writer goes on and uses each copy again.
/// Guards: the Release fence before the words and the Acquire fence before the second look (`block-reused`); the Release of the version and
/// the Acquire of its first load (`block-written`). Each weakened, loom found counts of two writes in one copy.
///
/// The writer runs in the model's own thread: see the tag set's model.
#[test]
fn counts_of_a_block_are_those_of_one_write() {
    crate::ring_models::explore(3, || {
        let block = Arc::new(Block::<2>::new());
        let reader = thread::spawn({
            let block = Arc::clone(&block);
            move || {
                if let Some([one, ten]) = block.try_read() {
                    assert_eq!(ten, 10 * one, "counts of two writes");
                }
            }
        });
        (1..=3).for_each(|count| block.write(&[count, 10 * count]));
        reader.join().unwrap();
        assert_eq!(block.try_read(), Some([3, 30]));
    });
}
