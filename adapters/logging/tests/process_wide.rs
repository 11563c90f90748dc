//! A logging as the process's own, for both crates at once. One test: there is one process.

mod support;

use support::{Kept, LIMIT};
use tagring_logging::builder;

fn not_evaluated() -> u64 {
    unreachable!("what is off is not evaluated")
}

#[test]
fn issue_4583_tracing_and_log_go_into_one_file_in_order_and_a_second_logging_is_refused() {
    let kept = Kept::default();
    let start = || {
        let builder = builder().to_writer(kept.clone()).filter("off,process_wide=debug");
        builder.flush_on_panic(LIMIT).drop_limit(LIMIT).start()
    };
    let logging = start().unwrap();
    assert_eq!(log::max_level(), log::LevelFilter::Debug);
    for at in 0..50 {
        tracing::debug!(at, "tracing");
        log::debug!("log at={at}");
        tracing::trace!(value = not_evaluated(), "off");
        log::trace!("off {}", not_evaluated());
        log::error!(target: "elsewhere", "off");
    }
    let refused = start().unwrap_err().to_string();
    assert!(refused.contains("`tracing`") && refused.ends_with(" [TR-1106]"), "{refused}");

    let panicked = std::thread::spawn(|| {
        tracing::error!("before the panic");
        panic!("as a handler may");
    });
    assert!(panicked.join().is_err());
    assert!(kept.text().ends_with(": before the panic\n"), "the hook has waited for it");

    let counts = logging.shutdown(LIMIT).counts;
    assert_eq!((counts.recorded, counts.written), (101, 101));
    let lines = kept.lines();
    for at in 0..50 {
        assert!(lines[2 * at].ends_with(&format!(" process_wide: tracing at={at}")), "{}", lines[2 * at]);
        assert!(lines[2 * at + 1].ends_with(&format!(" process_wide: log at={at}")), "{}", lines[2 * at + 1]);
    }
    tracing::error!("after the end");
    assert_eq!(kept.lines().len(), 101);
    // The hook has nobody to wait for.
    assert!(std::thread::spawn(|| panic!("after the end")).join().is_err());
}
