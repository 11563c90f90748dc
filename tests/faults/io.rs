//! Files at a fault point: what a log, a journal or a feed meets.

use std::io::{ErrorKind, Read, Write};
use tagring::faults::{Fault, FaultyIo};
use tagring::testkit::FaultScript;

mod points {
    tagring::fault_points! {
        /// A test writes.
        WRITE = "test.write", of "the file", takes [Delay, Error, Drop, DiskFull, TornWrite];
        /// A test reads.
        READ = "test.read", of "the file", takes [Delay, Error, Drop];
    }
}
use points::{READ, WRITE};

#[test]
fn issue_4593_io_that_fails_leaves_what_the_disk_would_hold() {
    let script = FaultScript::new().at(WRITE, 1, Fault::DiskFull).at(WRITE, 2, Fault::Error).at(WRITE, 4, Fault::Drop);
    let run = script.at(WRITE.of("a"), 6, Fault::TornWrite { kept: 3 }).enter();
    let mut file = FaultyIo::new(WRITE, "a", Vec::new());
    let mut results = Vec::new();
    for line in ["one.", "two.", "three.", "four.", "five.", "six.", "seven.", "eight.", "nine."] {
        results.push(file.write(line.as_bytes()).map_err(|error| error.kind()));
    }
    let (full, other) = (Err(ErrorKind::StorageFull), Err(ErrorKind::Other));
    assert_eq!(results, [Ok(4), full, other, Ok(5), Ok(5), Ok(4), Ok(3), other, Ok(5)]);
    assert_eq!(String::from_utf8_lossy(file.get_ref()), "one.four.six.sevnine.");
    assert_eq!(run.unmet(), [] as [String; 0]);
    assert!(file.flush().is_ok() && file.get_mut().len() == 21);
}

#[test]
fn issue_4593_io_torn_before_its_first_byte_and_behind_its_last() {
    let _run = FaultScript::new()
        .at(WRITE, 0, Fault::TornWrite { kept: 0 })
        .at(WRITE, 1, Fault::TornWrite { kept: 9 })
        .enter();
    let mut file = FaultyIo::new(WRITE, "a", Vec::new());
    assert!(file.write_all(b"one").is_err() && file.write_all(b"two").is_ok());
    assert_eq!(file.into_inner(), b"two");
}

#[test]
fn issue_4593_io_that_fails_to_read_or_ends_early() {
    let _run = FaultScript::new().at(READ, 1, Fault::Error).at(READ, 3, Fault::Drop).enter();
    let mut file = FaultyIo::new(READ, "a", &b"abcdef"[..]);
    let mut two = [0; 2];
    let mut read = || file.read(&mut two).map_err(|error| error.kind());
    assert_eq!([read(), read(), read(), read(), read()], [Ok(2), Err(ErrorKind::Other), Ok(2), Ok(0), Ok(2)]);
}
