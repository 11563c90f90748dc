//! Nothing is lost without being counted: full rings, targets that fail, block, panic or take little, ends in the middle.

mod support;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use support::{Kept, LIMIT, dispatch, under, until};
use tagring_logging::{Counts, builder};
use tracing::{info, warn};

/// A target that blocks while it is told to.
#[derive(Clone, Default)]
struct Blocking {
    kept: Kept,
    blocks: Arc<AtomicBool>,
    is_inside: Arc<AtomicBool>,
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_inside.store(true, Ordering::SeqCst);
        until("the target may go on", || !self.blocks.load(Ordering::SeqCst));
        self.kept.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Losses that lines tell of.
fn told(lines: &[String]) -> u64 {
    let count = |line: &String| line.split_once(" tagring_logging: ")?.1.split_once(" record")?.0.parse::<u64>().ok();
    lines.iter().filter(|line| line.contains(" lost: ")).filter_map(count).sum()
}

fn assert_whole(counts: Counts) {
    assert_eq!(counts.recorded, counts.written + counts.lost.total(), "{counts:?}");
}

#[test]
fn issue_4583_what_finds_the_ring_full_is_lost_counted_and_told() {
    let target = Blocking::default();
    target.blocks.store(true, Ordering::SeqCst);
    let logging = builder().capacity(16).to_writer(target.clone()).start_alone().unwrap();
    under(&logging, || {
        info!("first");
        until("the writer is inside", || target.is_inside.load(Ordering::SeqCst));
        for at in 0..100 {
            info!(at, "more");
        }
        assert_eq!((logging.counts().recorded, logging.counts().lost.full), (101, 84));
        let long = "x".repeat(500);
        info!(long, "five cells do not fit either");
        target.blocks.store(false, Ordering::SeqCst);
        assert!(logging.flush(LIMIT));
        info!("after");
    });
    let counts = logging.shutdown(LIMIT).counts;
    assert_eq!((counts.recorded, counts.written, counts.lost.full), (103, 18, 85));
    let lines = target.kept.lines();
    let of = |line: &String| line.split(": ").skip(1).collect::<Vec<_>>().join(": ");
    let expected = ["first".to_owned()].into_iter().chain((0..16).map(|at| format!("more at={at}")));
    let expected: Vec<_> = expected.chain(["85 records lost: the ring was full".to_owned(), "after".into()]).collect();
    assert_eq!(lines.iter().map(of).collect::<Vec<_>>(), expected);
}

/// Logs from many threads, in order, while others do; returns how much.
fn storm(logging: &tagring_logging::Logging, threads: u64, records: u64) {
    let dispatch = dispatch(logging);
    let barrier = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (dispatch, barrier) = (&dispatch, &barrier);
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    barrier.wait();
                    for at in 0..records {
                        info!(thread, at, "storm");
                        if at % 16 == 0 {
                            std::thread::yield_now();
                        }
                    }
                });
            });
        }
    });
}

/// Each thread's numbers rise.
fn assert_in_order(lines: &[String], threads: usize) {
    let mut next = vec![0; threads];
    for line in lines.iter().filter(|line| line.contains("storm")) {
        let value = |name: &str| line.split_once(name).unwrap().1.split(' ').next().unwrap().parse::<u64>().unwrap();
        let (thread, at) = (value("thread=") as usize, value("at="));
        assert!(at >= next[thread], "{line}");
        next[thread] = at + 1;
    }
}

#[test]
fn issue_4583_many_threads_lose_nothing_uncounted_and_stay_in_order() {
    for capacity in [16, 4_096] {
        let kept = Kept::default();
        let logging = builder().capacity(capacity).to_writer(kept.clone()).start_alone().unwrap();
        storm(&logging, 8, 2_000);
        let ended = logging.shutdown(LIMIT);
        assert!(ended.writer_ended);
        assert_whole(ended.counts);
        assert_eq!(ended.counts.recorded, 16_000);
        let lines = kept.lines();
        let records = lines.iter().filter(|line| line.contains("storm")).count() as u64;
        assert_eq!((records, told(&lines)), (ended.counts.written, ended.counts.lost.total()));
        assert_in_order(&lines, 8);
    }
}

/// A target with every fault, in turn; whatever it says it took, it keeps.
struct Faulty {
    kept: Kept,
    calls: u64,
    flushes: u64,
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.calls % 6 {
            0 => panic!("the target's panic"),
            1 => Err(io::Error::from(io::ErrorKind::StorageFull)),
            2 => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
            3 => Ok(0),
            4 => Err(io::Error::from(io::ErrorKind::Interrupted)),
            _ => self.kept.write(&bytes[..bytes.len().min(700)]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushes += 1;
        if self.flushes % 2 == 1 { Err(io::Error::other("not now")) } else { Ok(()) }
    }
}

#[test]
fn issue_4583_a_target_that_fails_stops_short_or_panics_gets_all_of_it_in_the_end() {
    let kept = Kept::default();
    let target = Faulty { kept: kept.clone(), calls: 0, flushes: 0 };
    let logging = builder().to_writer(target).start_alone().unwrap();
    under(&logging, || (0..40).for_each(|at| info!(at, "kept")));
    let ended = logging.shutdown(LIMIT);
    assert!(ended.writer_ended && ended.counts.write_errors >= 4, "{ended:?}");
    assert_eq!((ended.counts.recorded, ended.counts.written, ended.counts.lost.total()), (40, 40, 0));
    let lines = kept.lines();
    assert_eq!(lines.len(), 40);
    assert!(lines.iter().enumerate().all(|(at, line)| line.ends_with(&format!(": kept at={at}"))), "{lines:?}");
}

struct Full;
impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
impl Drop for Full {
    fn drop(&mut self) {
        panic!("also in the target's drop");
    }
}

#[test]
fn issue_4583_what_the_target_never_takes_is_counted_when_the_time_is_over() {
    let logging = builder().capacity(64).to_writer(Full).start_alone().unwrap();
    under(&logging, || (0..200).for_each(|_| warn!("lost")));
    until("the target refused", || logging.counts().write_errors > 0);
    let ended = logging.shutdown(Duration::from_millis(20));
    assert!(ended.writer_ended);
    assert_whole(ended.counts);
    assert_eq!((ended.counts.recorded, ended.counts.written), (200, 0));
    assert!(ended.counts.lost.unwritten > 0, "{:?}", ended.counts);
}

#[test]
fn issue_4583_a_write_that_does_not_return_holds_nobody() {
    let target = Blocking::default();
    target.blocks.store(true, Ordering::SeqCst);
    let logging = builder().to_writer(target.clone()).start_alone().unwrap();
    under(&logging, || info!("held"));
    until("the writer is inside", || target.is_inside.load(Ordering::SeqCst));
    assert!(!logging.flush(Duration::from_millis(1)));
    let ended = logging.shutdown(Duration::from_millis(1));
    assert!(!ended.writer_ended);
    assert_eq!((ended.counts.recorded, ended.counts.written), (1, 0));
    target.blocks.store(false, Ordering::SeqCst);
    until("the line is there", || target.kept.lines().len() == 1);
}

#[test]
fn issue_4583_an_end_while_threads_log_counts_every_record() {
    for _ in 0..20 {
        let kept = Kept::default();
        let logging = builder().capacity(64).to_writer(kept.clone()).start_alone().unwrap();
        let (dispatch, stop, made) = (dispatch(&logging), AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    tracing::dispatcher::with_default(&dispatch, || {
                        while !stop.load(Ordering::Relaxed) {
                            info!("until the end");
                            made.fetch_add(1, Ordering::Relaxed);
                            std::thread::yield_now();
                        }
                    });
                });
            }
            until("they log", || made.load(Ordering::Relaxed) > 300);
            let ended = logging.shutdown(LIMIT);
            stop.store(true, Ordering::Relaxed);
            assert!(ended.writer_ended);
            let counts = ended.counts;
            assert_eq!(counts.recorded - counts.lost.closed, counts.written + counts.lost.full + counts.lost.busy);
            assert_eq!(
                kept.lines().iter().filter(|line| line.ends_with("until the end")).count() as u64,
                counts.written
            );
        });
    }
}

#[test]
fn issue_4583_an_end_without_time_counts_every_record_of_threads_that_log() {
    for _ in 0..100 {
        let logging = builder().capacity(4_096).to_writer(Kept::default()).start_alone().unwrap();
        let (dispatch, stop, made) = (dispatch(&logging), AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    tracing::dispatcher::with_default(&dispatch, || {
                        while !stop.load(Ordering::Relaxed) {
                            info!("until the end");
                            made.fetch_add(1, Ordering::Relaxed);
                            std::thread::yield_now();
                        }
                    });
                });
            }
            until("they log", || made.load(Ordering::Relaxed) > 300);
            let ended = logging.shutdown(Duration::ZERO);
            stop.store(true, Ordering::Relaxed);
            assert!(ended.writer_ended);
            assert_whole(ended.counts);
        });
    }
}

#[test]
fn issue_4583_records_before_a_panic_are_written() {
    let kept = Kept::default();
    let logging = builder().to_writer(kept.clone()).start_alone().unwrap();
    let dispatch = dispatch(&logging);
    let thread = std::thread::spawn(move || {
        tracing::dispatcher::with_default(&dispatch, || {
            info!("before");
            panic!("of a handler");
        });
    });
    assert!(thread.join().is_err());
    assert_eq!(logging.shutdown(LIMIT).counts.written, 1);
    assert!(kept.text().ends_with(": before\n"));
}

#[test]
fn a_value_that_panics_or_logs_while_it_is_shown_disturbs_nobody() {
    struct Panics;
    impl std::fmt::Debug for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("shown")
        }
    }
    struct Logs;
    impl std::fmt::Debug for Logs {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("inner");
            f.write_str("outer value")
        }
    }
    let kept = Kept::default();
    let logging = builder().to_writer(kept.clone()).start_alone().unwrap();
    under(&logging, || {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| info!(value = ?Panics, "never")));
        assert!(panicked.is_err());
        info!("next");
    });
    // Straight to the bridge: `tracing` does not hear events within events.
    let bridge = logging.bridge();
    let log = |args| log::Log::log(&bridge, &log::Record::builder().target("t").args(args).build());
    log(format_args!("{:?}", Logs));
    let counts = logging.shutdown(LIMIT).counts;
    assert_whole(counts);
    assert!(kept.text().contains(": next\n") && kept.text().contains(": outer value\n"), "{}", kept.text());
}

#[test]
fn what_a_target_logs_itself_is_not_heard() {
    struct Chatty(tracing::Dispatch, Kept);
    impl Write for Chatty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            tracing::dispatcher::with_default(&self.0, || info!("I write"));
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (kept, heard) = (Kept::default(), Kept::default());
    let other = builder().to_writer(heard.clone()).start_alone().unwrap();
    let logging = builder().to_writer(Chatty(dispatch(&other), kept.clone())).start_alone().unwrap();
    under(&logging, || info!("one"));
    assert_eq!((logging.shutdown(LIMIT).counts.written, other.shutdown(LIMIT).counts.recorded), (1, 0));
    assert_eq!((kept.lines().len(), heard.lines().len()), (1, 0));
}
