//! The history of a bus of a runtime: kept by a slot of its own, counted, within the limits, and as long as its bus.

use super::house::{Count, Events, Quote, SOON, Trade, bus, config, eventually, runtime, slot};
use tagring::retain::{HistoryStats, Keep, Kept, Query};
use tagring::runtime::config::{Config, HistoryConfig, WaitChoice};
use tagring::runtime::{Deadline, HistorySnapshot};

fn groups(all: &[(&str, &[&str], u64)]) -> Config {
    let mut config = config(64, &[("count", slot())]);
    for (name, tags, count_max) in all {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let group =
            HistoryConfig { tags, count_max: *count_max, wait: WaitChoice::SpinThenPark, ..HistoryConfig::default() };
        config.buses.get_mut("md").unwrap().history.insert((*name).to_owned(), group);
    }
    config
}

#[test]
fn issue_4537_a_runtime_keeps_what_its_configuration_says_and_counts_it() {
    let runtime = runtime(groups(&[("all", &[], 100), ("quotes", &["Quote"], 2)]));
    let md = runtime.bus::<Events>("md").unwrap();
    md.attach("count", Count::default()).unwrap();
    let (all, quotes) = (md.history("all").unwrap(), md.history("quotes").unwrap());
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    for qty in 0..5 {
        publisher.publish(7, &Trade { qty }).unwrap();
        publisher.publish(8, &Quote { bid: 1, ask: 2 }).unwrap();
    }
    eventually("all are kept", || all.stats().kept == 10 && quotes.stats().kept == 5);
    let mut found = Vec::new();
    let _ = all.read(&Query::last(2).key(7), &mut found);
    let _ = quotes.read(&Query::last(9), &mut found);
    assert_eq!(found.iter().map(Kept::sequence).collect::<Vec<_>>(), [6, 8, 7, 9]);

    let snapshot = running.snapshot();
    let stats = HistoryStats { kept: 5, held: 2, overwritten: 3, aged: 0 };
    let expected = HistorySnapshot { group: "quotes".into(), count_max: 2, stats };
    assert_eq!(snapshot.bus("md").unwrap().history[1], expected);
    let series = snapshot.series();
    let value = |name: &str| series.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    assert_eq!(value("buses.md.history.quotes.overwritten"), Some(3));
    assert_eq!(value("buses.md.history.all.held"), Some(10));
    assert!(snapshot.to_string().contains("history quotes: 2 of 2 held; 3 overwritten, 0 aged"), "{snapshot}");

    drop(publisher);
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.is_clean(), "{report}");
    let of_history = report.bus("md").unwrap().slots.iter().find(|slot| slot.slot.as_str() == "history").unwrap();
    assert_eq!(of_history.delivered, 10);
    assert_eq!(all.stats().held, 10, "it can be read as long as somebody has it");
}

#[test]
fn issue_4537_memory_of_a_history_is_within_the_limit_of_the_runtime() {
    let taken = |config| {
        let runtime = runtime(config);
        runtime.bus::<Events>("md").unwrap().attach("count", Count::default()).unwrap();
        runtime.start().unwrap().snapshot().memory_bytes.0
    };
    let without = taken(groups(&[]));
    let with = taken(groups(&[("all", &[], 1_000), ("quotes", &["Quote"], 5)]));
    let kept = Keep::last(1_000).memory_bytes::<Events>() + Keep::last(5).memory_bytes::<Events>();
    assert_eq!(with - without, kept);
    let mut config = groups(&[("all", &[], 1_000)]);
    config.runtime.memory_max_bytes = without + kept - Keep::last(5).memory_bytes::<Events>() - 1;
    let refused = runtime(config).bus::<Events>("md").err().unwrap();
    assert_eq!(refused.code(), "TR-0805");
}

#[test]
fn issue_4537_a_bus_that_is_added_later_has_its_history_too() {
    let runtime = runtime(config(64, &[("s", slot())]));
    runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
    let running = runtime.start().unwrap();
    let mut late = bus(64, &[]);
    late.history.insert("all".into(), HistoryConfig { count_max: 10, ..HistoryConfig::default() });
    let late = running.add_bus::<Events>("late", late).unwrap();
    let mut publisher = late.publisher("p").unwrap();
    publisher.publish(1, &Trade { qty: 1 }).unwrap();
    let reader = late.history("all").unwrap();
    eventually("it is kept", || reader.stats().kept == 1);
    // On a thread that is not there nothing of the bus is left.
    let mut stray = bus(64, &[]);
    let thread = "nowhere".into();
    stray.history.insert("all".into(), HistoryConfig { thread, count_max: 10, ..HistoryConfig::default() });
    let used = running.snapshot().memory_bytes.0;
    let refused = running.add_bus::<Events>("stray", stray).err().unwrap();
    assert_eq!(refused.code(), "TR-0801");
    // The service thread may have it in hand for a moment.
    eventually("its memory is given back", || running.snapshot().memory_bytes.0 == used);
    assert_eq!(running.bus::<Events>("stray").err().map(|error| error.code()), Some("TR-0801"));
}

#[test]
fn issue_4537_names_that_are_not_there_or_taken_are_refused() {
    let runtime = runtime(groups(&[("all", &[], 100)]));
    let md = runtime.bus::<Events>("md").unwrap();
    let unknown = md.history("al").err().unwrap();
    let said = "no history `al`; there are all: write it into the configuration, or use one of these [TR-0801]";
    assert_eq!((unknown.code(), unknown.to_string().as_str()), ("TR-0801", said));
    let taken = md.attach_as("history", slot(), Count::default()).err().unwrap();
    assert_eq!(taken.code(), "TR-0802", "the slot is the runtime's own");
}

#[test]
fn issue_4537_a_tag_that_the_family_does_not_have_is_refused_with_the_nearest() {
    let runtime = runtime(groups(&[("all", &["Trad"], 100)]));
    let refused = runtime.bus::<Events>("md").err().unwrap();
    assert_eq!(refused.code(), "TR-0503");
    assert!(refused.to_string().starts_with("slot history.all of bus md: "), "{refused}");
    assert!(refused.to_string().contains("Trade"), "{refused}");
}
