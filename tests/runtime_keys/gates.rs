//! Keys of a publisher's gates: each lets an event in or not, as it is set.

use super::declared;
use super::house::{Count, Events, Quote, SOON, Trade, config, runtime, slot};
use std::time::Duration;
use tagring::bus::Envelope;
use tagring::clock::Ticks;
use tagring::gate::{Entry, GatedPublisher, Reason};
use tagring::runtime::config::{Config, GateConfig, PublisherConfig, RateConfig, TimeOrderChoice};
use tagring::runtime::{Deadline, Runtime};

const TRADE: Trade = Trade { qty: 1 };

fn with(gate: GateConfig) -> Config {
    let mut config = config(64, &[("s", slot())]);
    let publisher = PublisherConfig { gate, ..PublisherConfig::default() };
    config.buses.get_mut("md").unwrap().publishers.insert("p".into(), publisher);
    config
}

/// The publisher of a bus whose only slot has no handler yet.
fn gated(gate: GateConfig) -> (Runtime, GatedPublisher<Events>) {
    let runtime = runtime(with(gate));
    let publisher = runtime.bus::<Events>("md").unwrap().gated_publisher("p").unwrap();
    (runtime, publisher)
}

/// What becomes of each of these.
fn codes(gate: GateConfig, entries: &[Entry]) -> Vec<Option<&'static str>> {
    let (_runtime, mut publisher) = gated(gate);
    entries.iter().map(|entry| publisher.try_publish(*entry, &TRADE).err().map(|error| error.code())).collect()
}

fn numbered(client: u32, sequence: u64) -> Entry {
    Entry::key(0).client(client, sequence)
}

#[test]
pub(crate) fn issue_4561_rate_per_s() {
    let often = [Entry::key(0); 3];
    assert_eq!(codes(GateConfig { rate_per_s: 0, rate_burst: 1, ..GateConfig::default() }, &often), [None; 3]);
    let gate = GateConfig { rate_per_s: 1, rate_burst: 1, ..GateConfig::default() };
    assert_eq!(codes(gate, &often), [None, Some("TR-0908"), Some("TR-0908")]);
}

#[test]
pub(crate) fn issue_4561_rate_burst() {
    for burst in [1, 2] {
        let gate = GateConfig { rate_per_s: 1, rate_burst: burst, ..GateConfig::default() };
        let let_in = codes(gate, &[Entry::key(0); 4]).iter().filter(|code| code.is_none()).count() as u64;
        assert_eq!(let_in, burst);
    }
}

/// How many of four trades and four quotes get in.
fn let_in(rate: RateConfig) -> (usize, usize) {
    let rates = [("group".to_owned(), rate)].into();
    let (_runtime, mut publisher) = gated(GateConfig { rates, ..GateConfig::default() });
    let trades = (0..4).filter(|_| publisher.try_publish(0, &TRADE).is_ok()).count();
    (trades, (0..4).filter(|_| publisher.try_publish(0, &Quote { bid: 1, ask: 2 }).is_ok()).count())
}

#[test]
pub(crate) fn issue_4561_tags_of_a_rate() {
    let rate = |tags: &[&str]| RateConfig { tags: tags.iter().map(|tag| (*tag).into()).collect(), per_s: 1, burst: 1 };
    assert_eq!(let_in(rate(&["Trade"])), (1, 4));
    assert_eq!(let_in(rate(&["Quote"])), (4, 1));
    assert_eq!(let_in(rate(&["Quote", "Trade"])), (1, 0));
}

#[test]
pub(crate) fn issue_4561_per_s_of_a_rate() {
    for (per_s, retry) in [(1, Duration::from_secs(1)), (1_000, Duration::from_millis(1))] {
        let rates = [("group".to_owned(), RateConfig { tags: vec!["Trade".into()], per_s, burst: 1 })].into();
        let (_runtime, mut publisher) = gated(GateConfig { rates, ..GateConfig::default() });
        let rejections = (0..1_000).find_map(|_| publisher.try_publish(0, &TRADE).err());
        let Some(tagring::gate::Rejection::GroupRate { retry_ns, .. }) =
            rejections.and_then(|error| error.rejection().copied())
        else {
            panic!("some of so many are beyond");
        };
        assert!(Duration::from_nanos(retry_ns) <= retry, "{retry_ns}");
        assert!(per_s == 1_000 || Duration::from_nanos(retry_ns) > Duration::from_millis(1));
    }
}

#[test]
pub(crate) fn issue_4561_burst_of_a_rate() {
    for burst in [1, 3] {
        assert_eq!(let_in(RateConfig { tags: vec!["Trade".into()], per_s: 1, burst }), (burst as usize, 4));
    }
}

#[test]
pub(crate) fn issue_4563_quota_in_flight() {
    for quota in [0, 3] {
        let (runtime, mut publisher) = gated(GateConfig { quota_in_flight: quota, ..GateConfig::default() });
        let md = runtime.bus::<Events>("md").unwrap();
        let _held = md.bus().slot("held").attach_here(Count::default()).unwrap();
        let let_in = (0..6).filter(|_| publisher.try_publish(0, &TRADE).is_ok()).count();
        assert_eq!(let_in, if quota == 0 { 6 } else { 3 });
    }
}

#[test]
pub(crate) fn issue_4566_dedup_window() {
    let again = [numbered(0, 500), numbered(0, 500), numbered(0, 400)];
    for (window, said) in
        [(0, [None, None, None]), (64, [None, Some("TR-0911"), Some("TR-0912")]), (128, [None, Some("TR-0911"), None])]
    {
        assert_eq!(codes(GateConfig { dedup_window: window, ..GateConfig::default() }, &again), said, "{window}");
    }
}

#[test]
pub(crate) fn issue_4566_dedup_clients() {
    for (clients, said) in [(1, [None, Some("TR-0913")]), (2, [None, None])] {
        let gate = GateConfig { dedup_window: 64, dedup_clients: clients, ..GateConfig::default() };
        assert_eq!(codes(gate, &[numbered(0, 1), numbered(1, 1)]), said);
    }
}

fn at(key: u32, time: u64) -> Entry {
    Envelope::key(key).intended(Ticks(time)).into()
}

#[test]
pub(crate) fn issue_4560_time_order() {
    let back = [at(1, 100), at(2, 50), at(1, 99)];
    for (time_order, said) in [
        (TimeOrderChoice::Any, [None; 3]),
        (TimeOrderChoice::Publisher, [None, Some("TR-0906"), Some("TR-0906")]),
        (TimeOrderChoice::Key, [None, None, Some("TR-0906")]),
    ] {
        assert_eq!(codes(GateConfig { time_order, ..GateConfig::default() }, &back), said, "{time_order}");
    }
}

#[test]
pub(crate) fn issue_4560_time_keys_max() {
    for (time_keys_max, said) in [(1, [None, Some("TR-0907")]), (2, [None, None])] {
        let gate = GateConfig { time_order: TimeOrderChoice::Key, time_keys_max, ..GateConfig::default() };
        assert_eq!(codes(gate, &[at(1, 100), at(2, 50)]), said);
    }
}

#[test]
pub(crate) fn issue_4560_age_max_ns() {
    // Ticks are counted from the machine's start, or before: tick 1 is long ago.
    for (age_max_ns, said) in [(0, None), (1_000, Some("TR-0915"))] {
        assert_eq!(codes(GateConfig { age_max_ns, ..GateConfig::default() }, &[at(0, 1)]), [said]);
    }
}

#[test]
pub(crate) fn issue_4560_deadlines() {
    let over = Entry::key(0).deadline(Ticks(1));
    for (deadlines, age_max_ns, said) in [(false, 1_000, None), (true, 0, Some("TR-0916")), (true, 9, Some("TR-0916"))]
    {
        assert_eq!(codes(GateConfig { deadlines, age_max_ns, ..GateConfig::default() }, &[over]), [said]);
    }
}

#[test]
pub(crate) fn issue_4560_validate() {
    for validate in [false, true] {
        // Another gate beside, so that there is one in any case.
        let runtime = runtime(with(GateConfig { validate, rate_per_s: 1_000, ..GateConfig::default() }));
        let mut publisher = runtime.bus::<declared::Events>("md").unwrap().gated_publisher("p").unwrap();
        assert!(publisher.try_publish(0, &declared::Order { qty: 3 }).is_ok());
        let code = publisher.try_publish(0, &declared::Order { qty: 4 }).err().map(|error| error.code());
        assert_eq!(code, validate.then_some("TR-0903"));
    }
}

#[test]
pub(crate) fn issue_4560_ranges() {
    for (rule, said) in [("Trade.qty in 2..=9", Some("TR-0904")), ("Trade.qty in 1, 3", None), ("Quote.bid in 7", None)]
    {
        assert_eq!(codes(GateConfig { ranges: vec![rule.into()], ..GateConfig::default() }, &[Entry::key(0)]), [said]);
    }
}

#[test]
fn issue_4560_rules_that_do_not_fit_the_events_are_refused_with_the_bus() {
    let said = |gate: GateConfig| {
        let error = runtime(with(gate)).bus::<Events>("md").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(error.code()), "{error}");
        error.to_string()
    };
    assert_eq!(
        said(GateConfig { ranges: vec!["Trade.quantity in 1..=2".into()], ..GateConfig::default() }),
        "gate of publisher p of bus md: rule: Trade has no field `quantity`; take one of qty [TR-0920]"
    );
    let rate = RateConfig { tags: vec!["Trad".into()], ..RateConfig::default() };
    assert_eq!(
        said(GateConfig { rates: [("g".to_owned(), rate)].into(), ..GateConfig::default() }),
        "gate of publisher p of bus md: rule: no event `Trad` in family market; did you mean `Trade`? There are Trade, Quote [TR-0503]"
    );
}

#[test]
fn issue_4560_a_publisher_with_gates_is_not_had_without_them() {
    for clones in [false, true] {
        let mut config = with(GateConfig { rate_per_s: 1, ..GateConfig::default() });
        if clones {
            let publishers = &mut config.buses.get_mut("md").unwrap().publishers;
            publishers.insert("q".into(), PublisherConfig::default());
        }
        let runtime = runtime(config);
        let md = runtime.bus::<Events>("md").unwrap();
        let (error, call) = if clones {
            (md.shared_publisher("p").map(drop).unwrap_err(), "gated_shared_publisher")
        } else {
            (md.publisher("p").map(drop).unwrap_err(), "gated_publisher")
        };
        assert_eq!(
            error.to_string(),
            format!(
                "publisher p of bus md is configured with gates; take it with `{call}`, or leave the gates out [TR-0929]"
            )
        );
        if clones {
            let mut open = md.gated_shared_publisher("q").unwrap();
            assert!(open.try_publish(0, &TRADE).is_ok(), "without gates it may be taken so too");
            assert!(md.gated_shared_publisher("p").is_ok());
            assert_eq!(md.gated_publisher("p").map(drop).unwrap_err().code(), "TR-0808");
        } else {
            assert!(md.gated_publisher("p").is_ok());
            assert_eq!(md.gated_publisher("p").map(drop).unwrap_err().code(), "TR-0802", "taken");
        }
    }
}

#[test]
fn issue_4561_a_snapshot_lists_gated_publishers_with_all_they_were_offered() {
    let gate =
        GateConfig { rate_per_s: 1, rate_burst: 5, ranges: vec!["Trade.qty in 1..=9".into()], ..GateConfig::default() };
    let (runtime, mut publisher) = gated(gate);
    runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
    let running = runtime.start().unwrap();
    let names = |running: &tagring::runtime::Running| -> Vec<String> {
        running.snapshot().series().into_iter().map(|(name, _)| name).collect()
    };
    let before = names(&running);
    for qty in [1, 2, 0, 3, 4, 10, 5, 6, 7] {
        let _ = publisher.try_publish(0, &Trade { qty });
    }
    let snapshot = running.snapshot();
    let md = snapshot.bus("md").unwrap();
    let [p] = md.publishers.as_slice() else { panic!("{:?}", md.publishers) };
    assert_eq!((p.publisher.as_str(), p.offered, p.published, p.rejected()), ("p", 9, 5, 4));
    assert_eq!((p.shed, p.failed, md.published), (0, 0, 5));
    let by_reason: Vec<_> = p.rejected.iter().filter(|(_, count)| *count > 0).copied().collect();
    assert_eq!(by_reason, [(Reason::OutOfRange, 2), (Reason::Rate, 2)]);
    let by_tag = p.rejected_by_tag.iter().map(|one| (one.payload, one.reason, one.count)).collect::<Vec<_>>();
    assert_eq!(by_tag, [(Some("Trade"), Reason::OutOfRange, 2), (Some("Trade"), Reason::Rate, 2)]);
    let shown = "\n  publisher p: 9 offered, 5 published, 0 shed, 0 failed, 4 rejected: 2 out_of_range, 2 rate";
    assert!(snapshot.to_string().contains(shown), "{snapshot}");
    let series = snapshot.series();
    let value = |name: &str| series.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    assert_eq!(value("buses.md.publishers.p.offered"), Some(9));
    assert_eq!(value("buses.md.publishers.p.rejected.out_of_range"), Some(2));
    assert_eq!(names(&running), before, "traffic adds no series");
    let accounts = tagring::runtime::Accounts::of(&snapshot);
    accounts.check().unwrap();
    let account = &accounts.bus("md").unwrap().publishers[0];
    assert_eq!((account.offered, account.published, account.shed), (9, 5, 0));
    assert_eq!(account.rejected, [("out_of_range".to_owned(), 2), ("rate".to_owned(), 2)]);
    drop(publisher);
    let _ = running.shutdown(Deadline::after(SOON));
}

#[test]
fn the_memory_of_gates_counts() {
    let bytes = |gate: GateConfig| {
        let runtime = runtime(with(gate));
        runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
        let running = runtime.start().unwrap();
        running.snapshot().bus("md").unwrap().memory_bytes
    };
    let none = bytes(GateConfig::default());
    let windows = bytes(GateConfig { dedup_window: 1 << 20, dedup_clients: 8, ..GateConfig::default() });
    assert!(windows >= none + (1 << 20), "{none} {windows}");
    let keys = bytes(GateConfig { time_order: TimeOrderChoice::Key, ..GateConfig::default() });
    assert!(keys >= none + 65_536 * 32, "{none} {keys}");
}
