//! A process that was stopped, as by a debugger or a suspended machine, raises no alarm: the watchdog counts looks, not hours.

use super::house::{Doing, Events, Trade, config, eventually, runtime, slot};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::Outcome;
use tagring::runtime::config::SlotConfig;
use tagring::runtime::watchdog::Health;
use tagring::runtime::{Deadline, Notice};

/// Set in the child.
const CHILD: &str = "TAGRING_STOPPED_CHILD";
/// A handler that makes no progress for so long is stuck.
const STUCK_MS: u64 = 400;
/// The process is stopped for so long: several times that.
const STOPPED: Duration = Duration::from_millis(1_500);

/// Says when it is at work, and in the end how often it was taken for stuck.
#[test]
fn child_that_is_stopped() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let slow = SlotConfig { stuck_after_ms: STUCK_MS, ..slot() };
    let alarms = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&alarms);
    let runtime = runtime(config(1024, &[("slow", slow)])).on_notice(move |notice| {
        let is_alarm = matches!(notice, Notice::SlotHealth { change, .. } if change.to == Health::Stuck);
        count.fetch_add(u64::from(is_alarm), Ordering::Relaxed);
    });
    let md = runtime.bus::<Events>("md").unwrap();
    let slow = md
        .attach(
            "slow",
            Doing::new(|_| {
                std::thread::sleep(Duration::from_millis(2));
                Outcome::Done
            }),
        )
        .unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    let since = Instant::now();
    let mut qty = 0;
    let mut told = false;
    // Until it was stopped, which it knows by the gap, and has gone on for a while.
    let mut last = Instant::now();
    let mut after = None;
    while after.is_none_or(|at: Instant| at.elapsed() < Duration::from_millis(300)) {
        assert!(since.elapsed() < Duration::from_secs(60), "it was never stopped");
        qty += u64::from(publisher.try_publish(0, &Trade { qty }).is_ok());
        std::thread::sleep(Duration::from_millis(1));
        if last.elapsed() > STOPPED / 2 {
            after = Some(Instant::now());
        }
        last = Instant::now();
        if !std::mem::replace(&mut told, slow.handle().unwrap().stats().delivered > 10) && told {
            println!("at work");
        }
    }
    drop(publisher);
    eventually("all is handled", || slow.handle().unwrap().is_done());
    println!("alarms {}", alarms.load(Ordering::Relaxed));
    assert!(running.shutdown(Deadline::after_ms(10_000)).is_clean());
}

#[test]
fn issue_4574_a_stopped_process_raises_no_alarm_when_it_goes_on() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stopped_process::child_that_is_stopped", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("at work")));
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // What is tested: time passes while nothing runs.
    std::thread::sleep(STOPPED);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    let alarms = lines.find(|line| line.contains("alarms"));
    assert_eq!(alarms.as_deref().map(str::trim), Some("alarms 0"));
    assert!(child.wait().unwrap().success());
}
