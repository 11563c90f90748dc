//! What lines say, to the letter.

mod support;

use log::Log as _;
use support::{Kept, LIMIT, under};
use tagring::clock::Clock;
use tagring_logging::{Builder, Format, Logging, builder};
use tracing::{debug, error, info, info_span, trace, warn};

/// 2026-11-24T22:54:30.000000005Z.
const TIME_NS: u64 = 1_795_560_870_000_000_005;

fn manual() -> (Builder, Kept, tagring::clock::ManualHand) {
    let (clock, hand) = Clock::manual(TIME_NS);
    let kept = Kept::default();
    (builder().clock(clock).to_writer(kept.clone()).level(tracing::Level::TRACE), kept, hand)
}

/// The lines of what `run` logs, from a thread of a known name.
fn lines(format: Format, run: impl FnOnce(&Logging) + Send) -> Vec<String> {
    let (builder, kept, _) = manual();
    let logging = builder.format(format).start_alone().unwrap();
    let named = std::thread::Builder::new().name("a-name-of-many-letters".into());
    std::thread::scope(|scope| {
        named.spawn_scoped(scope, || under(&logging, || run(&logging))).unwrap().join().unwrap();
    });
    let ended = logging.shutdown(LIMIT);
    assert!(ended.writer_ended);
    assert_eq!((ended.counts.written, ended.counts.lost.total()), (ended.counts.recorded, 0));
    kept.lines()
}

#[derive(Debug)]
struct Order {
    #[allow(dead_code, reason = "shown")]
    qty: u64,
}

/// One of everything that can be in a record.
fn everything(logging: &Logging) {
    let feed = info_span!(target: "t", "feed", symbol = "BTC", late = tracing::field::Empty);
    let _feed = feed.enter();
    feed.record("late", 3);
    let _book = info_span!(target: "t", "book").entered();
    info!(target: "t", bid = 101_i64, ask = -2_i32, big = u128::MAX, low = i128::MIN, px = 1.5, nan = f64::NAN, ok = true, name = "a\"\nb",
          order = ?Order { qty: 5 }, shown = %"x y", "crossed {} times", 3);
    let text = format_args!("from the other {}", "crate").to_string();
    let log = |file: Option<&'static str>| {
        let mut record = log::Record::builder();
        record
            .level(log::Level::Warn)
            .target("other")
            .module_path_static(file.map(|_| "other"))
            .file_static(file)
            .line(file.map(|_| 12));
        logging.bridge().log(&record.args(format_args!("{text}\u{7}")).build());
    };
    log(Some("src/other.rs"));
    log(None);
}

#[test]
fn issue_4583_text_says_time_level_thread_spans_target_message_and_fields() {
    let told = lines(Format::Text, everything);
    assert_eq!(
        told,
        [
            "2026-11-24T22:54:30.000000005Z  INFO a-name-of-many-l feed{symbol=\"BTC\" late=3}:book: t: crossed 3 times bid=101 ask=-2 \
             big=340282366920938463463374607431768211455 low=-170141183460469231731687303715884105728 px=1.5 nan=NaN ok=true name=\"a\\\"\\nb\" \
             order=Order { qty: 5 } shown=x y",
            "2026-11-24T22:54:30.000000005Z  WARN a-name-of-many-l other: from the other crate\\u{7}",
            "2026-11-24T22:54:30.000000005Z  WARN a-name-of-many-l other: from the other crate\\u{7}",
        ]
    );
}

#[test]
fn issue_4583_json_has_one_object_a_line_with_typed_values() {
    let told = lines(Format::Json, everything);
    let head =
        r#"{"time":"2026-11-24T22:54:30.000000005Z","level":"INFO","thread":"a-name-of-many-l","target":"t","file":"#;
    assert!(told[0].starts_with(head), "{}", told[0]);
    let tail = r#""message":"crossed 3 times","fields":{"bid":101,"ask":-2,"big":"340282366920938463463374607431768211455","low":"-170141183460469231731687303715884105728","px":1.5,"nan":"NaN","ok":true,"name":"a\"\nb","order":"Order { qty: 5 }","shown":"x y"},"spans":[{"name":"feed","fields":{"symbol":"BTC","late":3}},{"name":"book","fields":{}}]}"#;
    assert!(told[0].ends_with(tail), "{}", told[0]);
    let object: serde_json::Value = serde_json::from_str(&told[0]).unwrap();
    assert!(object["file"].as_str().unwrap().ends_with("tests/lines.rs") && object["line"].as_u64().unwrap() > 0);
    let other = |place: &str| {
        format!(
            r#"{{"time":"2026-11-24T22:54:30.000000005Z","level":"WARN","thread":"a-name-of-many-l","target":"other",{place}"message":"from the other crate\u0007"}}"#
        )
    };
    assert_eq!(told[1..], [other(r#""file":"src/other.rs","line":12,"#), other("")]);
}

#[test]
fn issue_4583_a_level_that_is_off_costs_no_record() {
    let (builder, kept, _) = manual();
    let logging = builder.filter("warn,t::book=debug,t::quiet=off").start_alone().unwrap();
    under(&logging, || {
        error!(target: "t::quiet", "no");
        info!(target: "t", "no");
        warn!(target: "t", "1");
        debug!(target: "t::book", "2");
        trace!(target: "t::book", "no");
    });
    let bridge = logging.bridge();
    for (level, target) in [(log::Level::Info, "t"), (log::Level::Debug, "t::book::deep")] {
        bridge.log(&log::Record::builder().level(level).target(target).args(format_args!("3")).build());
    }
    let ended = logging.shutdown(LIMIT);
    let messages: Vec<_> = kept.lines().iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!((messages, ended.counts.recorded), (vec!["1".to_owned(), "2".into(), "3".into()], 3));
}

#[test]
fn issue_4583_what_is_too_long_is_cut_marked_and_counted() {
    let (builder, kept, _) = manual();
    let logging = builder.start_alone().unwrap();
    let long = "é".repeat(400);
    under(&logging, || {
        info!(target: "t", a = long, b = 7, "one");
        info!(target: "t", a = long, b = long, c = 1_u128, d = long, "two");
        let spans: Vec<_> = (0..6).map(|depth| info_span!(target: "t", "deep", depth).entered()).collect();
        info!(target: "t", "three");
        spans.into_iter().rev().for_each(drop);
        let _wide = info_span!(target: "t", "wide", long).entered();
        info!(target: "t", "four");
        info!(target: "t", "x{}", "y".repeat(600));
    });
    let counts = logging.shutdown(LIMIT).counts;
    assert_eq!((counts.recorded, counts.written, counts.cut), (5, 5, 5));
    let lines = kept.lines();
    assert!(lines.iter().all(|line| line.ends_with(" [cut]")), "{lines:?}");
    let whole = "é".repeat(256);
    assert!(lines[0].ends_with(&format!(" t: one a=\"{whole}\" b=7 [cut]")), "{}", lines[0]);
    assert!(lines[1].contains(&format!("two a=\"{whole}\" b=\"é")) && !lines[1].contains('\u{fffd}'), "{}", lines[1]);
    assert!(lines[2].contains(" deep{depth=2}:deep{depth=3}:deep{depth=4}:deep{depth=5}: t: three"), "{}", lines[2]);
    assert!(lines[3].contains(" wide: t: four"), "{}", lines[3]);
    assert!(lines[4].contains(&format!(" t: x{} [cut]", "y".repeat(511))), "{}", lines[4]);
}

#[test]
fn issue_4583_a_callsite_that_repeats_itself_is_held_back_and_told() {
    for format in [Format::Text, Format::Json] {
        let (builder, kept, hand) = manual();
        let logging = builder.format(format).limit_per_second(2).start_alone().unwrap();
        under(&logging, || {
            for at in 0..12 {
                if at == 5 {
                    hand.advance_ns(1_000_000_000);
                }
                warn!(target: "t", at, "again");
            }
            warn!(target: "t", "once");
        });
        let counts = logging.shutdown(LIMIT).counts;
        assert_eq!((counts.recorded, counts.written, counts.suppressed), (5, 5, 8));
        let lines = kept.lines();
        let told = if format == Format::Text { "again at=5 (suppressed 3)" } else { r#""suppressed":3}"# };
        assert!(lines.len() == 6 && lines[2].ends_with(told), "{lines:?}");
        assert!(lines[5].contains("5 records suppressed since their callsites' last"), "{lines:?}");
    }
}

#[test]
fn two_loggings_under_one_subscriber_hear_the_same_and_each_its_own_level() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let ((one, ones, _), (two, twos, _)) = (manual(), manual());
    let (one, two) = (one.level(tracing::Level::INFO).start_alone().unwrap(), two.start_alone().unwrap());
    let subscriber = tracing_subscriber::registry().with(one.layer()).with(two.layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!(target: "t", "span", a = 1, b = tracing::field::Empty);
        span.record("b", 2);
        span.in_scope(|| info!(target: "t", "both"));
        debug!(target: "t", "one of them");
    });
    let counts = (one.shutdown(LIMIT).counts.written, two.shutdown(LIMIT).counts.written);
    assert_eq!(counts, (1, 2));
    assert!(ones.text().contains("span{a=1 b=2}: t: both") && twos.text().starts_with(&ones.text()), "{}", twos.text());
}

#[test]
fn a_flush_returns_when_the_target_has_all_of_it() {
    let (builder, kept, _) = manual();
    let logging = builder.start_alone().unwrap();
    under(&logging, || {
        for at in 0..100 {
            info!(target: "t", at, "flushed");
            assert!(logging.flush(LIMIT));
            assert_eq!(kept.lines().len(), at + 1);
        }
    });
}

#[test]
fn times_of_the_system_clock_are_those_of_the_calendar() {
    let kept = Kept::default();
    let logging = builder().to_writer(kept.clone()).start_alone().unwrap();
    let now = || humantime::format_rfc3339_nanos(std::time::SystemTime::now()).to_string();
    let before = now();
    under(&logging, || info!(target: "t", "now"));
    assert!(logging.flush(LIMIT));
    // The two clocks are not read at the same moment.
    let (second, line) = (&before[..16], kept.text());
    assert!(line.starts_with(second) || line.starts_with(&now()[..16]), "{second} {line}");
}
