//! The options, one by one, and what the report and the plot hold.

mod support;

use serde_json::json;
use std::process::Stdio;
use std::time::Duration;
use support::{Place, capture, capture_messages};

#[test]
fn one_core_is_enough_and_drops_nothing() {
    let place = Place::new();
    let done = place.run(&["--messages", "20000", "--pace", "max", "--cores", "0", "--json", "--quiet"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let report = done.json();
    assert_eq!((&report["dropped"], &report["cores"]), (&json!(0), &json!("core 0 for feed and slots together")));
    assert!(report["slots"].as_array().unwrap().iter().all(|slot| slot["core"] == 0));
    assert!(report["events"].as_u64().unwrap() >= 20_000);
}

#[test]
fn seconds_end_a_feed_that_would_go_on_for_days() {
    let place = Place::new();
    let path = place.file("capture", capture(2_000));
    // A message a day, some hours of recording at a millionth of their speed, a pipe that says nothing.
    let table: [&[&str]; 3] =
        [&["--messages", "1000", "--pace", "0.00001/s"], &["--input", &path, "--pace", "0.000001x"], &["--input", "-"]];
    for args in table {
        let mut running = place.start(&[args, &["--seconds", "0.2", "--json", "--quiet"]].concat(), Stdio::piped());
        if args.contains(&"-") {
            // Enough to tell the format by.
            std::io::Write::write_all(running.stdin(), capture(3).as_bytes()).unwrap();
        }
        let done = running.wait();
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{args:?}");
        let report = done.json();
        assert_eq!((&report["ended"], &report["dropped"]), (&json!("seconds"), &json!(0)), "{args:?}");
        assert!(report["elapsed_s"].as_f64().unwrap() >= 0.2, "{args:?}");
        assert!(report["events"].as_u64().unwrap() > 0, "{args:?}");
    }
}

#[test]
fn every_pace_publishes_the_same_and_none_is_early() {
    let place = Place::new();
    // 200 ms of recording, 602 events, and a bad line that claims to be from centuries later.
    let path = place.file("capture", capture(200).replacen('\n', "\n9999999999999999999 rubbish\n", 1));
    let books = json!({"TESTUSDT": {"bid": ["101", "3"], "ask": ["200", "2.5"], "bid_levels": 202, "ask_levels": 2}});
    let table = [("max", 0), ("recorded", 199), ("2x", 99), ("0.5x", 398), ("10000/s", 60), ("4000/s", 150)];
    for (pace, least_ms) in table {
        let done = place.run(&["--input", &path, "--pace", pace, "--json", "--quiet"]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{pace}");
        let report = done.json();
        assert_eq!((&report["books"], &report["ended"]), (&books, &json!("input")), "{pace}");
        assert_eq!(report["input"]["skipped"].as_object().unwrap().len(), 1);
        assert_eq!(report["events"], 1 + 1 + 3 * 200, "the instrument, its book, three a round");
        let elapsed = Duration::from_secs_f64(report["elapsed_s"].as_f64().unwrap());
        assert!(elapsed >= Duration::from_millis(least_ms), "{pace}: {elapsed:?}");
        assert_eq!(report["decode_share"].is_null(), pace != "max", "{pace}");
    }
}

#[test]
fn the_plot_is_one_page_that_needs_nothing_else() {
    let place = Place::new();
    let plot = place.path().join("a b.html");
    let done = place.run(&["--messages", "20000", "--pace", "max", "--plot", plot.to_str().unwrap(), "--quiet"]);
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(0), "", ""));
    let page = std::fs::read_to_string(&plot).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for loads in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(loads), "{loads}");
    }
    let titles: Vec<_> = page.split("<h2>").skip(1).map(|part| part.split("</h2>").next().unwrap()).collect();
    for title in ["Hop by slot", "Service time by slot", "Slot book: hop by tag", "Slot tape: service time by tag"] {
        assert!(titles.iter().any(|known| known.starts_with(title)), "{title} in {titles:?}");
    }
    assert!(!titles.iter().any(|title| title.contains("intended")), "nothing is intended at full speed");
    for curve in ["book", "signal", "recorder", "tape", "platform jitter", "OrderAdded", "OrderDeleted", "Print"] {
        assert!(page.contains(&format!("</b> {curve}</span>")), "{curve}");
    }
    assert_eq!(page.matches("<svg").count(), titles.len());
    assert!(page.matches("<polyline").count() >= titles.len(), "every chart has a curve");
    assert!(page.contains("synthetic session, seed 1") && page.contains("0 dropped"));
}

#[test]
fn the_input_name_in_the_plot_is_text() {
    let place = Place::new();
    let path = place.file("<b>&.txt", capture(5));
    assert_eq!(place.run(&["--input", &path, "--quiet", "--plot", "plot.html"]).code, Some(0));
    let page = place.read("plot.html");
    assert!(page.contains("&lt;b&gt;&amp;.txt") && !page.contains("<b>&"), "{}", &page[..1000]);
}

#[test]
fn help_names_every_option() {
    let place = Place::new();
    for args in [&["--help"][..], &["run", "--help"], &["help", "run"]] {
        let done = place.run(args);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        let options = [
            "--input",
            "--format",
            "--pace",
            "--cores",
            "--seconds",
            "--messages",
            "--seed",
            "--plot",
            "--strict",
            "--quiet",
            "--json",
            "max",
            "recorded",
            "itch",
            "binance",
            ".gz",
            ".zst",
            "tagring-run.html",
        ];
        options.iter().for_each(|option| assert!(done.out.contains(option), "{option} in {}", done.out));
    }
}

#[test]
fn the_report_tells_what_a_reader_wants_to_know() {
    let place = Place::new();
    let mut text = capture(2_000);
    text.push_str("rubbish\n");
    let path = place.file("capture", text);
    let done = place.run(&["run", "--input", &path]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let plot = place.path().canonicalize().unwrap().join("tagring-run.html");
    let expected = [
        &format!("input     {path} (binance)\n"),
        "\npace      as fast as the slots allow",
        "\nmessages  6,001: depth 2,000, ticker 2,000, trade 2,000, snapshot 1\n",
        "\nevents    6,002 in ",
        " events/s through the bus to every slot\n",
        " delivered to slots; dropped: none\n",
        " of its time went into reading and decoding\n",
        "\nevents by tag ",
        "\n  LevelChanged                     2,000   33.3 %\n",
        "\n  BookSnapshot                         1  < 0.1 %\n",
        "p50       p99     p99.9       max\n",
        "\n  platform ",
        "jitter: gaps",
        "\nbusiest books ",
        "\n  TESTUSDT              3        119  200                2.5     2002 / 2    2,000          500       100.50\n",
        "second bus: 2,000 prints to the tape, ",
        "best prices against the exchange's own ticker: 1,999 compared, 1,999 agreed, 1 not",
        "\nskipped   1 x no local time\n          TR-2101: line 6002 (byte ",
        &format!("\nplot      {}\n", plot.display()),
    ];
    for part in expected {
        assert!(done.out.contains(part), "no {part:?} in\n{}", done.out);
    }
    for slot in ["book", "signal", "recorder", "tape"] {
        let lines: Vec<_> = done.out.lines().skip_while(|line| !line.starts_with(&format!("  {slot} "))).collect();
        assert!(lines[0].contains(" hop ") && lines[1].contains(" service "), "{slot}: {lines:?}");
    }
    assert!(!done.out.contains("synthetic") && !done.out.contains("odd  "), "{}", done.out);
    assert!(done.out.lines().all(|line| line == line.trim_end()), "no line ends in spaces");
    assert!(plot.is_file());
}

#[test]
fn the_default_says_that_it_is_synthetic_and_paced() {
    let place = Place::new();
    let done = place.run(&["--messages", "30000"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.err, "tagring: making a synthetic session of 30,000 messages (2 MB), seed 1\n");
    for part in [
        "input     synthetic session, seed 1 (itch)\n",
        "pace      1,000,000 events/s, open loop\n",
        " age ",
        "dropped: none",
        "This session is synthetic",
        "TGRA",
    ] {
        assert!(done.out.contains(part), "no {part:?} in\n{}", done.out);
    }
    // A run that was told to show nothing shows nothing, and leaves nothing behind.
    let place = Place::new();
    let done = place.run(&["--messages", "1000", "--pace", "max", "--quiet"]);
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(0), "", ""));
    assert!(!place.path().join("tagring-run.html").exists());
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_plot_and_nothing_else() {
    let place = Place::new();
    // In the way of the file that nobody asked for.
    std::fs::create_dir(place.path().join("tagring-run.html")).unwrap();
    let path = place.file("capture", capture(5));
    let done = place.run(&["--input", &path]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("TR-3005") && done.err.contains("tagring-run.html"), "{}", done.err);
    assert!(done.out.contains(&format!("messages  {}", capture_messages(5))) && !done.out.contains("\nplot "));
}
