//! Keys of the runtime as a whole.

use super::house::{Beginner, Count, Events, SOON, bus, config, runtime, slot, unpinned};
use std::time::Duration;
use tagring::clock::ClockSource;
use tagring::runtime::config::{ClockChoice, StartPolicy};
use tagring::runtime::machine::Topology;
use tagring::runtime::{Deadline, Plan};

/// How many threads of this process have that name.
fn threads_named(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)).count()
}

#[test]
pub(crate) fn issue_4570_name() {
    for (name, other) in [("alpha", "beta"), ("beta", "alpha")] {
        let mut config = config(64, &[]);
        config.runtime.name = name.into();
        let runtime = runtime(config);
        runtime.bus::<Events>("md").unwrap();
        let running = runtime.start().unwrap();
        assert_eq!(running.snapshot().runtime.as_str(), name);
        let service = |name: &str| threads_named(&format!("{name} service"));
        super::house::eventually("the thread has its name", || (service(name), service(other)) == (1, 0));
        assert_eq!(running.shutdown(Deadline::after(SOON)).runtime.as_str(), name);
    }
}

#[test]
pub(crate) fn issue_4570_buses_max() {
    for buses_max in [1, 2] {
        let mut config = config(64, &[]);
        config.runtime.buses_max = buses_max;
        config.runtime.system_cells = 0;
        let runtime = runtime(config);
        runtime.bus::<Events>("md").unwrap();
        let running = runtime.start().unwrap();
        let second = running.add_bus::<Events>("second", bus(64, &[]));
        let code = second.as_ref().err().map(|error| error.code());
        assert_eq!(code, (buses_max == 1).then_some("TR-0804"));
    }
}

#[test]
pub(crate) fn issue_4570_threads_max() {
    // Two for the slots, one for the service.
    for (threads_max, refused) in [(1, vec!["TR-0724", "TR-0756"]), (2, vec!["TR-0756"]), (3, vec![])] {
        let mut config = unpinned(config(64, &[("a", slot()), ("b", slot())]));
        config.threads.get_mut("slots").unwrap().threads_max = 2;
        config.runtime.threads_max = threads_max;
        let found = Plan::of(&config, &Topology::regular(1, 4, 1)).err();
        assert_eq!(found.iter().flatten().map(|mistake| mistake.code).collect::<Vec<_>>(), refused);
    }
}

#[test]
pub(crate) fn issue_4570_memory_max_bytes() {
    // Histograms of the slot are counted when the bus is built: only then it is known of how many events.
    let config = || config(1024, &[("s", slot())]);
    let needed = {
        let runtime = runtime(config());
        runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
        runtime.start().unwrap().snapshot().memory_bytes.0
    };
    for (memory_max_bytes, code) in [(needed - 1, Some("TR-0805")), (needed, None)] {
        let mut config = config();
        config.runtime.memory_max_bytes = memory_max_bytes;
        let runtime = runtime(config);
        let built = runtime.bus::<Events>("md");
        assert_eq!(built.as_ref().err().map(|error| error.code()), code);
    }
}

#[test]
pub(crate) fn issue_4570_clock() {
    let report = |clock| {
        let mut config = config(64, &[]);
        config.runtime.clock = clock;
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let report = runtime.clock().report();
        assert_eq!(md.bus().clock().report(), report, "all buses have it");
        report
    };
    let (auto, monotonic) = (report(ClockChoice::Auto), report(ClockChoice::Monotonic));
    assert_eq!((monotonic.source, &monotonic.reason), (ClockSource::Monotonic, &None), "as asked");
    // On a machine whose counter cannot be trusted it falls back, and says why.
    assert!(auto.source == ClockSource::Tsc || auto.reason.is_some(), "{auto}");
}

#[test]
pub(crate) fn issue_4570_start() {
    for start in [StartPolicy::All, StartPolicy::Any] {
        let mut config = config(64, &[("errs", slot()), ("well", slot())]);
        config.runtime.start = start;
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        md.attach("errs", Beginner { init: Some(Box::new(|| Err("no licence".into()))), start: None }).unwrap();
        let well = md.attach("well", Count::default()).unwrap();
        let started = runtime.start();
        let errors = match &started {
            Ok(running) => &running.start_report().errors,
            Err(failure) => &failure.errors,
        };
        assert_eq!(errors.iter().map(|error| error.code()).collect::<Vec<_>>(), ["TR-0617"]);
        assert_eq!(started.is_ok(), start == StartPolicy::Any);
        assert_eq!(well.handle().unwrap().is_done(), start == StartPolicy::All, "all or nothing");
    }
}

#[test]
pub(crate) fn issue_4570_shutdown_timeout_ms() {
    for shutdown_timeout_ms in [1_234, 7_000] {
        let mut config = config(64, &[]);
        config.runtime.shutdown_timeout_ms = shutdown_timeout_ms;
        let runtime = runtime(config);
        runtime.bus::<Events>("md").unwrap();
        let report = runtime.start().unwrap().shutdown(Deadline::configured());
        assert_eq!(report.allowed, Duration::from_millis(shutdown_timeout_ms));
    }
}

#[test]
pub(crate) fn issue_4570_system_cells() {
    for system_cells in [0, 8, 64] {
        let mut config = config(64, &[]);
        config.runtime.system_cells = system_cells;
        let runtime = runtime(config);
        match runtime.system() {
            Ok(system) => assert_eq!(system.bus().capacity() as u64, system_cells),
            Err(error) => assert_eq!((error.code(), system_cells), ("TR-0801", 0)),
        }
    }
}
