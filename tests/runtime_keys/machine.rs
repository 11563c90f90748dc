//! What is asked of the operating system and of the machine. Privileges differ between machines: what a request is worth here is found out
//! by trying, and the start must hang on that where it is required.

use super::children::in_child;
use super::house::{Count, Events, SOON, config, runtime, slot};
use tagring::bus::allowed_cores;
use tagring::runtime::config::{
    Config, Cores, FeedConfig, Grant, PreflightChoice, SlotConfig, ThreadConfig, WaitChoice,
};
use tagring::runtime::machine::{Core, Topology};
use tagring::runtime::{Deadline, Runtime};

/// What the start reported of the machine, or the codes of what was refused.
fn start(runtime: Runtime) -> Result<Vec<String>, Vec<String>> {
    let md = runtime.bus::<Events>("md").unwrap();
    for slot in runtime.config().buses["md"].slots.keys() {
        md.attach(slot, Count::default()).unwrap();
    }
    for feed in runtime.config().feeds.keys() {
        runtime.feed(feed, |_| Ok(())).unwrap();
    }
    match runtime.start() {
        Ok(running) => {
            let lines = running.start_report().machine.clone();
            assert!(running.shutdown(Deadline::after(SOON)).threads_left.is_empty());
            Ok(lines)
        }
        Err(failure) => Err(failure.errors.iter().map(|error| error.code().to_owned()).collect()),
    }
}

/// Off says nothing; try says what became of it; require starts only with what was granted. Returns what try said.
fn off_try_require(words: &str, code: &str, with: impl Fn(Grant) -> Config) -> String {
    let started = |grant| start(runtime(with(grant)));
    let off = started(Grant::Off).unwrap();
    assert!(!off.iter().any(|line| line.contains(words)), "{off:?}");
    let tried = started(Grant::Try).unwrap();
    let said = tried.into_iter().find(|line| line.contains(words)).expect("it is reported");
    match (started(Grant::Require), said.contains(": granted")) {
        (Ok(lines), true) => assert!(lines.iter().any(|line| line.contains(words)), "{lines:?}"),
        (Err(codes), false) => assert_eq!(codes, [code], "{said}"),
        (result, _) => panic!("tried: {said}; required: {result:?}"),
    }
    said
}

#[test]
pub(crate) fn issue_4570_lock_memory() {
    if in_child("machine::issue_4570_lock_memory", "ulimit -l 64;") {
        off_try_require("locked memory", "TR-0825", |lock_memory| {
            let mut config = config(64, &[]);
            config.runtime.lock_memory = lock_memory;
            config
        });
    }
}

#[test]
pub(crate) fn issue_4570_huge_pages() {
    let said = off_try_require("huge pages", "TR-0825", |huge_pages| {
        let mut config = config(64, &[]);
        config.runtime.huge_pages = huge_pages;
        config
    });
    assert!(said.contains("not granted") && said.contains("[TR-0784]"), "64 cells fill no huge page: {said}");
}

#[test]
pub(crate) fn issue_4570_prefault() {
    // The stacks of this child's threads are smaller than what is to be touched.
    if in_child("machine::issue_4570_prefault", "export RUST_MIN_STACK=262144;") {
        let said = off_try_require("prefault", "TR-0632", |prefault| {
            let mut config = config(64, &[("s", slot())]);
            config.runtime.prefault = prefault;
            config
        });
        assert!(said.contains("thread slots") && said.contains("[TR-0783]"), "{said}");
    }
}

#[test]
pub(crate) fn issue_4570_realtime() {
    if in_child("machine::issue_4570_realtime", "ulimit -r 0;") {
        let asked = |realtime| {
            let mut config = config(64, &[]);
            config.runtime.realtime = realtime;
            config
        };
        off_try_require("real-time scheduling", "TR-0632", |realtime| {
            let mut config = asked(realtime);
            config.threads.insert("t".into(), ThreadConfig { realtime_priority: 1, ..ThreadConfig::default() });
            config
        });
        off_try_require("real-time scheduling", "TR-0632", |realtime| {
            let mut config = asked(realtime);
            let feed = FeedConfig { realtime_priority: 1, spins: false, cores: Cores::Any };
            config.feeds.insert("f".into(), feed);
            config
        });
    }
}

#[test]
pub(crate) fn issue_4570_realtime_priority() {
    for (thread_priority, feed_priority) in [(0, 0), (1, 0), (0, 1)] {
        let mut config = config(64, &[]);
        config.threads.insert(
            "t".into(),
            ThreadConfig { realtime_priority: thread_priority, cores: Cores::Any, ..ThreadConfig::default() },
        );
        let feed = FeedConfig { realtime_priority: feed_priority, spins: false, cores: Cores::Any };
        config.feeds.insert("f".into(), feed);
        let lines = start(runtime(config)).unwrap();
        let said =
            |thread: &str| lines.iter().any(|line| line.starts_with(&format!("thread {thread}: real-time scheduling")));
        assert_eq!((said("t"), said("f")), (thread_priority > 0, feed_priority > 0), "{lines:?}");
    }
}

#[test]
pub(crate) fn issue_4570_preflight() {
    // Two busy threads on one core: the placement says so at once; that the core is not isolated only who looks at the machine.
    let real = allowed_cores()[0];
    let started = |preflight| {
        let yields = |thread: &str| SlotConfig { wait: WaitChoice::SpinThenYield, thread: thread.into(), ..slot() };
        let mut config = config(64, &[("a", yields("x")), ("b", yields("y"))]);
        for thread in ["x", "y"] {
            config.threads.insert(thread.into(), ThreadConfig::default());
        }
        config.runtime.preflight = preflight;
        start(Runtime::on(config, &Topology::made_up([Core::new(real)])).unwrap_or_else(|all| panic!("{all}")))
    };
    let has = |lines: &[String], code: &str| lines.iter().any(|line| line.ends_with(&format!("[{code}]")));
    let off = started(PreflightChoice::Off).unwrap();
    assert!(has(&off, "TR-0760") && !has(&off, "TR-0767"), "{off:?}");
    let report = started(PreflightChoice::Report).unwrap();
    assert!(has(&report, "TR-0760") && has(&report, "TR-0767"), "{report:?}");
    let refused = started(PreflightChoice::Refuse).unwrap_err();
    assert!(!refused.is_empty() && refused.iter().all(|code| code == "TR-0825"), "{refused:?}");
}

/// Whether this process catches SIGINT and SIGTERM.
fn catches() -> [bool; 2] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    [2, 15].map(|signal| caught & (1 << (signal - 1)) != 0)
}

#[test]
pub(crate) fn issue_4570_signals() {
    if in_child("machine::issue_4570_signals", "") {
        let with = |signals| {
            let mut config = config(64, &[]);
            config.runtime.signals = signals;
            let runtime = runtime(config);
            runtime.bus::<Events>("md").unwrap();
            runtime.start()
        };
        let without = with(false).unwrap();
        assert_eq!(catches(), [false; 2]);
        let taken = with(true).unwrap();
        assert_eq!(catches(), [true; 2]);
        let second = with(true).map(|_| ()).unwrap_err();
        assert_eq!(second.errors.iter().map(|error| error.code()).collect::<Vec<_>>(), ["TR-0824"], "one has them");
        drop((without, taken));
        assert!(with(true).is_ok(), "they are given back");
    }
}
