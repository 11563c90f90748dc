//! Threads, feeds, the cores they run on, and how they wait there.

use super::house::{Count, Events, SOON, config, eventually, runtime, slot, unpinned};
use std::sync::mpsc::{Receiver, channel};
use tagring::bus::allowed_cores;
use tagring::ring::WaitStrategy;
use tagring::runtime::config::{Config, Cores, FeedConfig, SlotConfig, ThreadConfig, WaitChoice};
use tagring::runtime::machine::{Core, Topology, Waits};
use tagring::runtime::{Deadline, Plan, Runtime};

/// The core of the thread of that name, on a machine of four; none: not pinned.
fn core_of(config: &Config, name: &str) -> Option<usize> {
    let plan = Plan::of(config, &Topology::regular(1, 4, 1)).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    plan.placement().threads.iter().find(|placed| placed.name == name).expect("it is placed").core
}

/// A core that this process may use.
fn real_core() -> usize {
    allowed_cores()[0]
}

/// The cores that a thread of this process may run on, by its name.
fn mask_of(thread: &str) -> Option<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let status =
        tasks.filter(|task| read(task.join("comm")).trim() == thread).map(|task| read(task.join("status"))).next()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

#[test]
pub(crate) fn issue_4570_runtime_cores() {
    let mut config = config(64, &[("s", SlotConfig { wait: WaitChoice::SpinThenYield, ..slot() })]);
    let cores = |config: &Config| core_of(config, "slots");
    assert_eq!(cores(&config), Some(1), "the first is left to the kernel");
    config.runtime.cores = vec![3];
    assert_eq!(cores(&config), Some(3));
    // Threads that are not pinned keep to them too: the service thread always, others that are to run on any.
    let real = real_core();
    config.runtime.cores = vec![real];
    config.runtime.name = "keeps".into();
    config.threads.insert("keeping".into(), ThreadConfig { cores: Cores::Any, ..ThreadConfig::default() });
    config.buses.get_mut("md").unwrap().slots.get_mut("s").unwrap().thread = "keeping".into();
    let runtime = Runtime::on(config, &Topology::read()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
    let running = runtime.start().unwrap();
    for thread in ["keeping", "keeps service"] {
        eventually("it keeps to them", || mask_of(thread) == Some(real.to_string()));
    }
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
}

#[test]
pub(crate) fn issue_4570_threads_of_a_group() {
    for threads_max in [1, 2] {
        let mut config = config(64, &[("a", slot()), ("b", slot())]);
        config.threads.insert("slots".into(), ThreadConfig { threads_max, ..ThreadConfig::default() });
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let attached = ["a", "b"].map(|name| md.attach(name, Count::default()).unwrap());
        let running = runtime.start().unwrap();
        assert_eq!(running.snapshot().threads.len(), threads_max as usize);
        let [a, b] = attached.each_ref().map(|slot| slot.handle().unwrap().thread_id());
        assert_eq!(a == b, threads_max == 1, "slots are dealt to them");
    }
}

#[test]
pub(crate) fn issue_4570_cores_of_a_thread() {
    let with = |cores| {
        let mut config = config(64, &[("s", SlotConfig { wait: WaitChoice::SpinThenYield, ..slot() })]);
        config.threads.insert("slots".into(), ThreadConfig { cores, ..ThreadConfig::default() });
        config
    };
    let cores = [Cores::Auto, Cores::Any, Cores::List(vec![3]), Cores::List(vec![2])];
    assert_eq!(cores.map(|cores| core_of(&with(cores), "slots")), [Some(1), None, Some(3), Some(2)]);
    let real = real_core();
    let mut config = with(Cores::List(vec![real]));
    config.buses.get_mut("md").unwrap().slots.get_mut("s").unwrap().thread = "listed".into();
    let listed = config.threads.remove("slots").unwrap();
    config.threads.insert("listed".into(), listed);
    let runtime = Runtime::on(config, &Topology::made_up([Core::new(real)])).unwrap_or_else(|all| panic!("{all}"));
    runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
    let running = runtime.start().unwrap();
    assert_eq!(running.snapshot().threads[0].core, Some(real));
    assert_eq!(mask_of("listed"), Some(real.to_string()), "and there it is");
}

/// What each feed says of its place once it runs.
fn feeds(config: Config, topology: &Topology) -> Vec<(Option<usize>, bool)> {
    let names: Vec<String> = config.feeds.keys().cloned().collect();
    let runtime = Runtime::on(config, topology).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    runtime.bus::<Events>("md").unwrap();
    let heard: Vec<Receiver<_>> = names
        .iter()
        .map(|name| {
            let (say, heard) = channel();
            let body = move |feed: &tagring::runtime::Feed| Ok(say.send((feed.core(), feed.shares_core()))?);
            runtime.feed(name, body).unwrap();
            heard
        })
        .collect();
    let running = runtime.start().unwrap();
    let said = heard.iter().map(|heard| heard.recv_timeout(SOON).unwrap()).collect();
    assert!(running.shutdown(Deadline::after(SOON)).is_clean());
    said
}

#[test]
pub(crate) fn issue_4570_cores_of_a_feed() {
    let with = |cores| {
        let mut config = config(64, &[]);
        config.feeds.insert("f".into(), FeedConfig { cores, ..FeedConfig::default() });
        config
    };
    let cores = [Cores::Auto, Cores::Any, Cores::List(vec![3]), Cores::List(vec![2])];
    assert_eq!(cores.map(|cores| core_of(&with(cores), "f")), [Some(1), None, Some(3), Some(2)]);
    let real = real_core();
    let topology = Topology::made_up([Core::new(real)]);
    assert_eq!(feeds(with(Cores::List(vec![real])), &topology), [(Some(real), false)]);
    assert_eq!(feeds(with(Cores::Any), &topology), [(None, false)]);
}

#[test]
pub(crate) fn issue_4570_spins() {
    let real = real_core();
    for spins in [true, false] {
        let mut config = config(64, &[]);
        for feed in ["f", "g"] {
            config
                .feeds
                .insert(feed.into(), FeedConfig { spins, cores: Cores::List(vec![real]), realtime_priority: 0 });
        }
        let plan = Plan::of(&config, &Topology::made_up([Core::new(real)])).unwrap();
        let waits = plan.placement().threads[0].waits;
        assert_eq!(waits, if spins { Waits::Yields } else { Waits::Parks });
        let said = feeds(config, &Topology::made_up([Core::new(real)]));
        assert_eq!(said, [(Some(real), spins); 2], "two that are busy have to share; two that sleep do not");
    }
}

#[test]
pub(crate) fn issue_4570_wait() {
    let with = |wait| config(64, &[("s", SlotConfig { wait, ..slot() })]);
    // What spins is given a core of its own, or refused; what yields shares one if it must; what parks is no burden.
    let on_one_core = |wait| {
        let mut config = with(wait);
        config.threads.insert("other".into(), ThreadConfig::default());
        let beside = SlotConfig { wait: WaitChoice::SpinThenYield, thread: "other".into(), ..slot() };
        config.buses.get_mut("md").unwrap().slots.insert("t".into(), beside);
        let plan = Plan::of(&config, &Topology::regular(1, 1, 1));
        let codes =
            |all: tagring::runtime::config::Mistakes| all.iter().map(|mistake| mistake.code).collect::<Vec<_>>();
        plan.map(|plan| plan.placement().findings().iter().map(|finding| finding.code()).collect::<Vec<_>>())
            .map_err(codes)
    };
    assert_eq!(on_one_core(WaitChoice::Spin), Err(vec!["TR-0755"]));
    assert_eq!(on_one_core(WaitChoice::SpinThenYield), Ok(vec!["TR-0760"]));
    assert_eq!(on_one_core(WaitChoice::SpinThenPark), Ok(vec!["TR-0761"]));
    let strategies = [WaitChoice::Spin, WaitChoice::SpinThenYield, WaitChoice::SpinThenPark].map(WaitStrategy::from);
    assert_eq!(strategies, [WaitStrategy::Spin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark]);
    for wait in [WaitChoice::Spin, WaitChoice::SpinThenYield, WaitChoice::SpinThenPark] {
        let runtime = runtime(unpinned(with(wait)));
        runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
        let running = runtime.start().unwrap();
        let stats = || running.snapshot().threads[0].stats.clone();
        match wait {
            WaitChoice::SpinThenPark => eventually("it sleeps", || stats().parks > 0),
            _ => {
                // Before its slot came it may have slept.
                eventually("it polls", || stats().idle_polls > 0);
                let before = stats().parks;
                // One that parks does so after 1,016.
                eventually("it polls on", || stats().idle_polls > 1_200);
                assert_eq!(stats().parks, before, "it never sleeps");
            }
        }
    }
}
