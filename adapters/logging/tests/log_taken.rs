//! A process whose `log` has a logger keeps it. A test of its own: there is one process.

use tagring_logging::builder;

struct Theirs;
impl log::Log for Theirs {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {}

    fn flush(&self) {}
}

#[test]
fn issue_4583_a_logger_that_is_there_is_not_replaced_and_nothing_is_half_installed() {
    log::set_logger(&Theirs).unwrap();
    let refused = builder().to_writer(std::io::sink()).start().unwrap_err();
    assert_eq!((refused.code(), refused.to_string().contains("`log`")), ("TR-1106", true));
    assert!(!tracing::dispatcher::has_been_set());
    assert!(builder().to_writer(std::io::sink()).start_alone().is_ok());
}
