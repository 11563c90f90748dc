//! Keys of the history of a bus.

use super::house::{Events, Quote, Trade, config, eventually, runtime, slot};
use tagring::retain::{HistoryReader, Query};
use tagring::runtime::config::{Config, HistoryConfig, SlotConfig, ThreadConfig, WaitChoice};
use tagring::runtime::machine::Topology;
use tagring::runtime::{Plan, Running};

fn group() -> HistoryConfig {
    HistoryConfig { count_max: 100, wait: WaitChoice::SpinThenPark, ..HistoryConfig::default() }
}

fn with(groups: &[(&str, HistoryConfig)]) -> Config {
    let mut config = config(64, &[]);
    let history = groups.iter().map(|(name, group)| ((*name).to_owned(), group.clone()));
    config.buses.get_mut("md").unwrap().history = history.collect();
    config
}

/// Starts it, and publishes so many trades with a quote behind them.
fn after_trades(config: Config, trades: u64) -> (Running, HistoryReader<Events>) {
    let runtime = runtime(config);
    let md = runtime.bus::<Events>("md").unwrap();
    let (reader, mut publisher) = (md.history("h").unwrap(), md.publisher("p").unwrap());
    let running = runtime.start().unwrap();
    (0..trades).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
    publisher.publish(0, &Quote { bid: 1, ask: 2 }).unwrap();
    eventually("all have passed", || running.slot("md", "history").unwrap().stats().position == trades + 1);
    (running, reader)
}

#[test]
pub(crate) fn issue_4570_tags_of_a_history() {
    for (tags, kept) in [(vec![], 4), (vec!["Trade".to_owned()], 3), (vec!["Quote".to_owned()], 1)] {
        let (running, reader) = after_trades(with(&[("h", HistoryConfig { tags, ..group() })]), 3);
        assert_eq!(reader.stats().kept, kept);
        assert_eq!(running.snapshot().slot("md", "history").unwrap().stats.delivered, kept, "its slot filters");
    }
}

#[test]
pub(crate) fn issue_4570_count_max() {
    for count_max in [5, 20] {
        let (_running, reader) = after_trades(with(&[("h", HistoryConfig { count_max, ..group() })]), 30);
        let mut found = Vec::new();
        let coverage = reader.read(&Query::last(100), &mut found);
        assert_eq!((found.len() as u64, coverage.forgotten, coverage.next), (count_max, 31 - count_max, 31));
    }
}

#[test]
pub(crate) fn issue_4570_age_max_ms() {
    for age_max_ms in [0, 1] {
        let (_running, reader) = after_trades(with(&[("h", HistoryConfig { age_max_ms, ..group() })]), 3);
        assert_eq!(reader.age_max().is_some(), age_max_ms > 0);
        if age_max_ms == 0 {
            std::thread::yield_now();
            assert_eq!(reader.stats().held, 4, "whatever their age");
        } else {
            eventually("they are too old", || reader.stats().aged == 4);
        }
    }
}

#[test]
pub(crate) fn issue_4570_thread_of_a_history() {
    for thread in ["slots", "aside"] {
        let mut groups = with(&[("h", group()), ("i", HistoryConfig { thread: thread.into(), ..group() })]);
        groups.threads.insert("aside".into(), ThreadConfig::default());
        let (running, _reader) = after_trades(groups, 3);
        let snapshot = running.snapshot();
        let slots: Vec<_> = snapshot.bus("md").unwrap().slots.iter().collect();
        let names: Vec<_> =
            slots.iter().map(|slot| (slot.slot.to_string(), slot.thread.unwrap().to_string())).collect();
        let names: Vec<_> = names.iter().map(|(slot, thread)| (slot.as_str(), thread.as_str())).collect();
        let expected = [("history", "slots"), ("history-2", "aside")];
        assert_eq!(names, if thread == "slots" { &expected[..1] } else { &expected[..] }, "one slot for each thread");
    }
}

#[test]
pub(crate) fn issue_4570_wait_of_a_history() {
    // What spins is given a core of its own, or refused; what yields shares one if it must; what parks is no burden.
    let on_one_core = |waits: &[WaitChoice]| {
        let groups = waits.iter().zip(["h", "i"]).map(|(wait, name)| (name, HistoryConfig { wait: *wait, ..group() }));
        let mut config = with(&groups.collect::<Vec<_>>());
        config.threads.insert("other".into(), ThreadConfig::default());
        let beside = SlotConfig { wait: WaitChoice::SpinThenYield, thread: "other".into(), ..slot() };
        config.buses.get_mut("md").unwrap().slots.insert("t".into(), beside);
        match Plan::of(&config, &Topology::regular(1, 1, 1)) {
            Ok(plan) => plan.placement().findings()[0].code(),
            Err(mistakes) => mistakes.iter().next().unwrap().code,
        }
    };
    assert_eq!(on_one_core(&[WaitChoice::Spin]), "TR-0755");
    assert_eq!(on_one_core(&[WaitChoice::SpinThenYield]), "TR-0760");
    assert_eq!(on_one_core(&[WaitChoice::SpinThenPark]), "TR-0761");
    assert_eq!(on_one_core(&[WaitChoice::SpinThenPark, WaitChoice::Spin]), "TR-0755", "the one that sleeps least");
}
