//! What `perf script -F comm,tid,time,event,ip,sym --show-switch-events` prints, record by record. What is not understood is left out: perf
//! prints warnings between.

use crate::symbol;
use std::io::{self, BufRead};

/// One record of one thread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The thread's name.
    pub(crate) name: String,
    pub(crate) tid: u32,
    pub(crate) time_ns: u64,
    pub(crate) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A sample: the stack, outermost frame first.
    Stack(Vec<String>),
    /// The thread stopped running; because another was to run, or because it waited for something.
    Out { preempted: bool },
    /// It runs again.
    In,
}

/// Hands every record to `each`.
///
/// # Errors
/// Those of the reader.
pub(crate) fn read(input: impl BufRead, mut each: impl FnMut(Record)) -> io::Result<()> {
    let mut open: Option<Record> = None;
    for line in input.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if line.starts_with(['\t', ' ']) && !line.contains("PERF_RECORD_SWITCH") {
            if let (Some(Record { what: What::Stack(stack), .. }), Some(frame)) = (&mut open, frame(&line)) {
                stack.push(frame);
            }
            continue;
        }
        open.take().map(innermost_last).into_iter().for_each(&mut each);
        match head(&line) {
            Some(record @ Record { what: What::Stack(_), .. }) => open = Some(record),
            Some(record) => each(record),
            None => {}
        }
    }
    open.take().map(innermost_last).into_iter().for_each(each);
    Ok(())
}

/// perf prints the innermost frame first. A frame that calls itself stands once: broken stacks repeat one a hundred times.
fn innermost_last(mut record: Record) -> Record {
    if let What::Stack(stack) = &mut record.what {
        stack.reverse();
        stack.dedup();
    }
    record
}

/// `name tid seconds.micros: event: ` or `name tid seconds.micros: PERF_RECORD_SWITCH OUT preempt`. A name may have blanks in it.
fn head(line: &str) -> Option<Record> {
    let (thread, event) = line.trim_start().split_once(": ")?;
    let (thread, time) = thread.trim_end().rsplit_once(' ')?;
    let (name, tid) = thread.trim_end().rsplit_once(' ')?;
    let (seconds, fraction) = time.split_once('.')?;
    let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let what = match event.trim().strip_prefix("PERF_RECORD_SWITCH") {
        None => What::Stack(Vec::new()),
        Some(way) if way.trim_start().starts_with("IN") => What::In,
        Some(way) => What::Out { preempted: way.contains("preempt") },
    };
    let time_ns = seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    Some(Record { name: name.trim().into(), tid: tid.parse().ok()?, time_ns, what })
}

/// `   address symbol`, the address in hexadecimal; the kernel's begin with ffff.
fn frame(line: &str) -> Option<String> {
    let (address, name) = line.trim().split_once(' ')?;
    u64::from_str_radix(address, 16).ok()?;
    symbol::frame(name, address.len() == 16 && address.starts_with("ffff"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
slots 7 12.5: cpu-clock:ppp: 
\tffffffff8158c1a1 do_sched_yield
\t          2198b0 tagring::bus::thread::Host::run
\t          2198b0 tagring::bus::thread::Host::run
\t           891f4 start_thread

tagring service 8 12.000000250: PERF_RECORD_SWITCH OUT preempt
       feed 9 12.000001: PERF_RECORD_SWITCH IN         
a warning of perf: with a colon
";

    #[test]
    fn stacks_and_switches_of_threads_with_blanks_in_their_names() {
        let mut records = Vec::new();
        read(TEXT.as_bytes(), |record| records.push(record)).unwrap();
        let record = |name: &str, tid, time_ns, what| Record { name: name.into(), tid, time_ns, what };
        let stack = ["start_thread", "tagring::bus::thread::Host::run", "do_sched_yield_[k]"];
        assert_eq!(
            records,
            [
                record("slots", 7, 12_500_000_000, What::Stack(stack.map(String::from).to_vec())),
                record("tagring service", 8, 12_000_000_250, What::Out { preempted: true }),
                record("feed", 9, 12_000_001_000, What::In),
            ]
        );
    }

    #[test]
    fn rubbish_gives_nothing() {
        for rubbish in ["", "\n\n", ": : :", "x 1 y: z", "\u{0}\t\u{0}", "x 1 99999999999999999999.1: e:"] {
            read(rubbish.as_bytes(), |record| panic!("{record:?}")).unwrap();
        }
    }
}
