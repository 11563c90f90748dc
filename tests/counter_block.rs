//! A block of counts: what was written last is read, whole. (What readers see while it is written: `loom-tests`.)

use tagring::counters::Block;

#[test]
fn what_was_written_last_is_read() {
    let block = Block::<3>::new();
    assert_eq!(block.try_read(), Some([0; 3]));
    for i in 0..5 {
        block.write(&[i, 2 * i, 3 * i]);
        assert_eq!((block.try_read(), block.one(1)), (Some([i, 2 * i, 3 * i]), 2 * i));
    }
}
