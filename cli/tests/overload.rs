//! `tagring run --overload`: who loses what of ten times the load, to the last event, and who loses nothing.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Done, Place, data};

/// What a slot can have done with an event, by the names in the accounts.
const FATES: [&str; 7] = ["delivered", "filtered", "dead", "dropped", "conflated", "expired", "shed"];
const LOSSES: [&str; 4] = ["dropped", "conflated", "expired", "shed"];
/// The example's rings as small as this, so that little is enough to be too much.
const SMALL: [(&str, &str); 2] =
    [("TAGRING__BUSES__MD__CAPACITY_CELLS", "1024"), ("TAGRING__BUSES__MD__DEGRADATION__DEGRADED__LAG_EVENTS", "512")];
/// What the example's degradation leaves out, of all that comes here.
const FIRST_TO_GO: [&str; 3] = ["BestPrices", "HiddenTrade", "InstrumentDetails"];
/// What a debug build follows on a machine that has other things to do.
const PACE: &str = "20000/s";

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/overload.toml");
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn overloaded(place: &Place, more: &[&str]) -> Done {
    let config = example();
    let args = [&["run", "--overload", "10x", "--config", &config, "--pace", PACE, "--json", "--quiet"], more].concat();
    place.run_set(&SMALL, &args)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn count(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn sum(of: &Value, names: &[&str]) -> u64 {
    names.iter().map(|name| count(of, name)).sum()
}

/// All numbers of an object together.
fn whole(of: &Value) -> u64 {
    of.as_object().unwrap_or_else(|| panic!("{of} is no object")).values().map(|count| count.as_u64().unwrap()).sum()
}

fn slot<'a>(report: &'a Value, name: &str) -> &'a Value {
    let slots = list(&report["accounting"]["slots"]);
    slots.iter().find(|slot| slot["slot"] == name).unwrap_or_else(|| panic!("no {name} in the accounts"))
}

/// Adds everything up once more, from the numbers alone.
fn assert_adds_up(report: &Value) {
    let accounts = &report["accounting"];
    assert_eq!(accounts["adds_up"], true);
    let publishers = list(&accounts["publishers"]);
    for publisher in publishers {
        assert_eq!(
            count(publisher, "offered"),
            count(publisher, "published") + whole(&publisher["rejected"]),
            "{publisher}"
        );
        assert_eq!(count(publisher, "published"), whole(&publisher["by_tag"]), "{publisher}");
    }
    let feed = &publishers[0];
    assert_eq!((&feed["publisher"], &feed["published"]), (&"feed".into(), &report["events"]));
    for slot in list(&accounts["slots"]) {
        let of_bus = publishers.iter().filter(|publisher| publisher["bus"] == slot["bus"]);
        let events = of_bus.map(|publisher| count(publisher, "published")).sum::<u64>();
        // Who was given everything has seen every sequence that carries no event.
        let holes = count(slot, "published") - events;
        let seen = count(slot, "holes");
        assert!(if slot["in_flight"] == 0 { seen == holes } else { seen <= holes }, "{seen} of {holes}: {slot}");
        assert_eq!(
            count(slot, "published"),
            sum(slot, &FATES) + sum(slot, &["joined", "holes", "in_flight"]),
            "{slot}"
        );
        let tags = list(&slot["tags"]);
        for fate in FATES.iter().filter(|_| !tags.is_empty()) {
            assert_eq!(count(slot, fate), tags.iter().map(|tag| count(tag, fate)).sum::<u64>(), "{fate} of {slot}");
        }
        for tag in tags.iter().filter(|_| slot["bus"] == "md" && slot["in_flight"] == 0) {
            let published = feed["by_tag"].get(tag["tag"].as_str().unwrap()).map_or(0, |count| count.as_u64().unwrap());
            assert_eq!(sum(tag, &FATES), published, "{tag} of {slot}");
        }
    }
}

/// Whoever may not lose has had everything that is kept; the others have lost something, by name.
fn assert_each_lost_what_its_policy_says(report: &Value) {
    for slot in list(&report["accounting"]["slots"]) {
        // What the mode of the bus leaves out is no slot's own.
        let losses = sum(slot, &LOSSES) - count(slot, "shed");
        match slot["policy"].as_str().unwrap() {
            "gate" => assert_eq!((losses, count(slot, "in_flight"), count(slot, "dead")), (0, 0, 0), "{slot}"),
            "drop-newest" | "drop-oldest" => assert!(count(slot, "dropped") == losses && losses > 0, "{slot}"),
            "conflate" => assert!(count(slot, "conflated") == losses && losses > 0, "{slot}"),
            "drop-oldest, expires" => {
                assert!(sum(slot, &["dropped", "expired"]) == losses && count(slot, "expired") > 0, "{slot}");
            }
            "cut-off" => assert!(losses == 0 && count(slot, "in_flight") > 0, "{slot}"),
            other => panic!("{other} in {slot}"),
        }
        let tags = list(&slot["tags"]);
        assert!(slot["bus"] != "md" || !tags.is_empty(), "by tag: {slot}");
        for tag in tags.iter().filter(|tag| count(tag, "shed") > 0) {
            assert!(FIRST_TO_GO.contains(&tag["tag"].as_str().unwrap()), "{tag} of {slot}");
        }
    }
    let modes = &report["accounting"]["modes"]["md"];
    assert!(count(&modes["entered"], "degraded") > 0, "{modes}");
    let shed = list(&report["accounting"]["slots"]).iter().map(|slot| count(slot, "shed")).sum::<u64>();
    assert_eq!(whole(&modes["shed_by"]), shed, "by slot and by reason");
    let over_time = list(&report["accounting"]["over_time"]);
    let times: Vec<f64> = over_time.iter().map(|moment| moment["at_s"].as_f64().unwrap()).collect();
    assert!(times.len() > 2 && times.is_sorted(), "{times:?}");
    assert!(over_time.iter().any(|moment| list(&moment["slots"]).iter().any(|slot| count(slot, "lag") > 0)));
    assert!(over_time.iter().all(|moment| count(moment, "resident_bytes") > 0));
}

#[test]
fn issue_4588_of_ten_times_the_load_every_event_is_accounted_for_and_gates_lose_none() {
    let done = overloaded(&Place::new(), &["--messages", "30000"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{}", done.out);
    let report = done.json();
    assert_adds_up(&report);
    assert_each_lost_what_its_policy_says(&report);
    assert_eq!((&report["accounting"]["overload"], &report["shutdown"]["clean"]), (&10.0.into(), &true.into()));
    // The same input without an overload gives the same books.
    let plain = Place::new().run(&["--messages", "30000", "--pace", "max", "--json", "--quiet"]).json();
    assert_eq!((&report["books"], &report["oddities"]), (&plain["books"], &plain["oddities"]));
}

fn of_capture(file: &str, test: &str) {
    let Some(folder) = data("binance", test) else { return };
    let path: PathBuf = folder.join(file);
    let done = overloaded(&Place::new(), &["--input", path.to_str().unwrap(), "--seconds", "1.5"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{}", done.out);
    assert_adds_up(&done.json());
    assert_each_lost_what_its_policy_says(&done.json());
}

#[test]
fn issue_4588_coin_m_adds_up() {
    of_capture("binance-cm-btcusd_perp_20240808.gz", "issue_4588_coin_m_adds_up");
}

#[test]
fn issue_4588_spot_btc_adds_up() {
    of_capture("binance-spot-btcusdt_20240808.gz", "issue_4588_spot_btc_adds_up");
}

#[test]
fn issue_4588_spot_eth_adds_up() {
    of_capture("binance-spot-ethusdt_20240808.gz", "issue_4588_spot_eth_adds_up");
}

#[test]
fn issue_4588_usd_m_adds_up() {
    of_capture("binance-usdm-btcusdt_20240808.gz", "issue_4588_usd_m_adds_up");
}

#[test]
fn issue_4588_a_day_of_itch_adds_up_however_little_there_is_of_it() {
    let Some(folder) = data("itch", "issue_4588_a_day_of_itch_adds_up_however_little_there_is_of_it") else { return };
    // Its last message is cut.
    let path = folder.join("sample.itch");
    let done = overloaded(&Place::new(), &["--input", path.to_str().unwrap()]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{}", done.out);
    assert_adds_up(&done.json());
    assert!(count(slot(&done.json(), "recorder"), "delivered") > 100);
}

#[test]
fn issue_4588_any_factor_adds_up() {
    for factor in ["1.5x", "100x"] {
        let config = example();
        let args =
            ["--overload", factor, "--config", &config, "--pace", PACE, "--messages", "5000", "--json", "--quiet"];
        let done = Place::new().run_set(&SMALL, &args);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{factor}");
        assert_adds_up(&done.json());
        let (report, losses) = (done.json(), ["dropped", "conflated", "expired", "dead", "in_flight"]);
        assert_eq!(sum(slot(&report, "book"), &losses), 0, "{factor}");
    }
}

#[test]
fn issue_4588_the_report_has_a_table_of_losses_and_the_plot_shows_them_over_time() {
    let place = Place::new();
    let config = example();
    let args = ["--overload", "10x", "--config", &config, "--pace", PACE, "--messages", "30000"];
    let done = place.run_set(&SMALL, &args);
    assert_eq!(done.code, Some(0), "{done:?}");
    for words in [
        "10 x what slots that may lose can take",
        "every row adds up",
        "md.recorder ",
        "drop-oldest",
        "conflated",
        "memory of the process",
    ] {
        assert!(done.out.contains(words), "no `{words}` in {}", done.out);
    }
    let page = place.read("tagring-run.html");
    let svg = page.split_once("<h2>Over time</h2>").and_then(|(_, rest)| rest.split_once("</svg>")).unwrap().0;
    let svg = format!("{svg}</svg>");
    let drawn = roxmltree::Document::parse(&svg).unwrap();
    let texts: String = drawn.descendants().filter_map(|node| node.text()).collect();
    for words in ["lag by slot", "mode by bus", "lost by all slots", "handled by slot", "resident", "dropped", "normal"]
    {
        assert!(texts.contains(words), "no `{words}` in the plot: {texts}");
    }
}

#[test]
fn issue_4588_what_is_no_overload_is_refused_before_anything_runs() {
    let place = Place::new();
    for factor in ["", "x", "10", "1x", "0x", "-3x", "1001x", "NaNx", "10/s"] {
        place.run(&["run", "--overload", factor]).failed_with(2, &["TR-3060", "such as `10x`"]);
    }
    let refused = |args: &[&str], words: &[&str]| {
        let done = place.run(args);
        done.failed_with(2, words);
        assert_eq!((done.out.as_str(), done.err.lines().count()), ("", 1), "{done:?}");
    };
    refused(&["run", "--overload", "10x"], &["TR-3061", "overflow", "examples/overload.toml"]);
    refused(&["run", "--overload", "10x", "--config", &example(), "--pace", "max"], &["TR-3062", "--pace 1000000/s"]);
}

#[test]
fn issue_4588_the_example_is_a_configuration_without_a_mistake() {
    let done = Place::new().run(&["check", &example()]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{}", done.out);
    let text = fs::read_to_string(example()).unwrap();
    // One handler, one line for what each does when it is too slow.
    for policy in ["drop-oldest", "drop-newest", "conflate", "cut-off"] {
        let line = |line: &&str| line.starts_with("recorder-") && line.contains(policy);
        assert_eq!(text.lines().filter(line).count(), 1, "{policy}");
    }
}

#[test]
fn any_number_of_slots_runs_the_same_code() {
    let place = Place::new();
    let printed = place.run(&["--print-config"]).out;
    let file = place.file(
        "more.toml",
        printed + "\n[buses.md.slots.recorder-audit]\n[buses.md.slots.book-2]\n[buses.derived.slots.tape-2]\n",
    );
    let report = place.run(&["--config", &file, "--messages", "5000", "--pace", "max", "--json", "--quiet"]).json();
    assert_adds_up(&report);
    for (one, other) in [("recorder", "recorder-audit"), ("book", "book-2"), ("tape", "tape-2")] {
        assert_eq!(count(slot(&report, one), "delivered"), count(slot(&report, other), "delivered"));
    }
    let wrong = place.file("wrong.toml", place.read("more.toml") + "[buses.md.slots.tape-3]\n");
    place.run(&["--config", &wrong]).failed_with(2, &["buses.md.slots.tape-3", "TR-3008", "recorder-audit"]);
}
