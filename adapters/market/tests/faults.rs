//! An input at its fault point. Needs the feature `faults`: `./test` runs it.

use std::time::{Duration, Instant};
use tagring::faults::Fault;
use tagring::testkit::FaultScript;
use tagring_market::input::fault_points::READ;
use tagring_market::input::{Input, InputError};

/// Bytes that come in pieces of 128 KiB.
fn capture() -> Box<dyn std::io::Read + Send> {
    Box::new(std::io::repeat(b'a').take(1 << 20))
}
use std::io::Read as _;

/// Bytes that were read, and how it ended.
fn read() -> (usize, Result<(), InputError>) {
    let mut input = match Input::from_reader("capture", capture()) {
        Ok(input) => input,
        Err(error) => return (0, Err(error)),
    };
    let mut bytes = 0;
    loop {
        bytes += input.block().len();
        match input.advance() {
            Ok(true) => {}
            Ok(false) => return (bytes, Ok(())),
            Err(error) => return (bytes, Err(error)),
        }
    }
}

#[test]
fn issue_4593_input_whose_read_fails_hands_out_what_came_before_it() {
    let run = FaultScript::new().at(READ.of("capture"), 3, Fault::Error).enter();
    let (bytes, error) = read();
    assert_eq!((bytes, error.as_ref().unwrap_err().code()), (3 * (128 << 10), "TR-2009"), "{error:?}");
    assert!(error.unwrap_err().to_string().contains("failed, as scripted") && run.unmet().is_empty());
}

#[test]
fn issue_4593_input_that_cannot_be_read_at_all_ends_early_or_is_slow() {
    let script = |fault| FaultScript::new().at(READ, 0, fault).enter();
    let refused = script(Fault::Error);
    assert!(read().1.is_err());
    drop(refused);
    let run = FaultScript::new().at(READ, 2, Fault::Drop).at(READ, 1, Fault::Delay(Duration::from_millis(3))).enter();
    let since = Instant::now();
    let (bytes, end) = read();
    assert!(bytes == 2 * (128 << 10) && end.is_ok() && since.elapsed() >= Duration::from_millis(3), "{bytes}, {end:?}");
    assert!(run.unmet().is_empty());
}
