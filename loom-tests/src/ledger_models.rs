//! Rows of counts that are read together, under loom.

use crate::ledger::ledger;
use loom::thread;

/// A reader sees the rows as one write left them, never parts of two, though the writer goes on and stores only what has changed.
/// Guards: the Release fence before the words and the Acquire fence before the second look (`ledger-reused`); the Release of the version and the Acquire
/// of its first load (`ledger-written`). Each weakened, loom found counts of two writes in one copy.
///
/// The writer runs in the model's own thread: see the tag set's model.
#[test]
fn rows_of_a_ledger_are_those_of_one_write() {
    crate::ring_models::explore(3, || {
        let (writer, reader) = ledger(2);
        let other = thread::spawn({
            let reader = reader.clone();
            move || {
                if let Some(rows) = reader.try_read() {
                    assert_eq!(rows[1][0], 10 * rows[0][0], "counts of two writes");
                }
            }
        });
        for _ in 0..3 {
            writer.add(0, 0, 1);
            writer.add(1, 0, 10);
            writer.show();
        }
        other.join().unwrap();
        writer.show();
        assert_eq!(reader.try_read(), Some(vec![[3], [30]]));
    });
}
