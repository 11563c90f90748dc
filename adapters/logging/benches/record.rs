//! What a record costs the thread that makes it, beside its peers, interleaved: `cargo bench -p tagring-logging -- --rounds 51`. Each round makes so many records
//! as all queues hold, and then waits until they are written, so that nobody loses any. Only the ratios mean something.

use log::Log;
use std::fs::File;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tagring_logging::{Bridge, Logging, builder};
use tracing::{Dispatch, info};
use tracing_subscriber::layer::SubscriberExt as _;

/// Records of a round.
const RECORDS: u64 = 2_000;
/// Far longer than a target takes for a round.
const LIMIT: Duration = Duration::from_secs(10);

/// One way to log.
struct Way {
    name: &'static str,
    log: Box<dyn Fn()>,
    settle: Box<dyn Fn()>,
    ns: Vec<f64>,
}

fn way(name: &'static str, log: impl Fn() + 'static, settle: impl Fn() + 'static) -> Way {
    Way { name, log: Box::new(log), settle: Box::new(settle), ns: Vec::new() }
}

/// A round of typed fields through `tracing`.
fn traced(dispatch: &Dispatch) {
    tracing::dispatcher::with_default(dispatch, || {
        for qty in 0..RECORDS {
            info!(price = black_box(101_i64), qty, side = black_box("buy"), "filled");
        }
    });
}

/// A round of formatted messages through `log`.
fn logged(logger: &dyn Log) {
    for qty in 0..RECORDS {
        let mut record = log::Record::builder();
        record.level(log::Level::Info).target("record").module_path_static(Some("record"));
        logger.log(
            &record.args(format_args!("filled price={} qty={qty} side={}", black_box(101), black_box("buy"))).build(),
        );
    }
}

fn ours(folder: &std::path::Path, name: &str) -> (Logging, Dispatch, Bridge) {
    let logging = builder().to_file(folder.join(name)).poll(Duration::from_millis(1)).start_alone().expect("a file");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(logging.layer()));
    let bridge = logging.bridge();
    (logging, dispatch, bridge)
}

fn ways(folder: &std::path::Path) -> Vec<Way> {
    let file = |name: &str| File::create(folder.join(name)).expect("a file");
    let (for_tracing, dispatch, _) = ours(folder, "tagring");
    let (for_log, _, bridge) = ours(folder, "tagring-log");
    let off = Dispatch::new(tracing_subscriber::registry());
    let fmt = Dispatch::new(tracing_subscriber::fmt().with_ansi(false).with_writer(file("fmt")).finish());
    let (appender, guard) = tracing_appender::non_blocking::NonBlockingBuilder::default()
        .buffered_lines_limit(8_192)
        .finish(file("appender"));
    let counter = appender.error_counter();
    let appended = Dispatch::new(tracing_subscriber::fmt().with_ansi(false).with_writer(appender).finish());
    let rest = move || {
        // It has no flush: this is long enough for its thread to write a round.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(counter.dropped_lines(), 0);
        let _ = &guard;
    };
    let ftlog = ftlog::builder().root(file("ftlog")).bounded(8_192, false).build().expect("a logger");
    let ftlog = std::rc::Rc::new(ftlog);
    let ft = std::rc::Rc::clone(&ftlog);
    vec![
        way("no layer at all", move || traced(&off), || {}),
        way("tagring, tracing", move || traced(&dispatch), move || assert!(for_tracing.flush(LIMIT))),
        way("tracing fmt to a file", move || traced(&fmt), || {}),
        way("tracing-appender", move || traced(&appended), rest),
        way("tagring, log", move || logged(&bridge), move || assert!(for_log.flush(LIMIT))),
        way("ftlog", move || logged(&*ftlog), move || ft.flush()),
    ]
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = arguments.iter().position(|argument| argument == "--rounds").and_then(|at| arguments.get(at + 1));
    let rounds: usize = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(21);
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut ways = ways(folder.path());
    for round in 0..=rounds {
        for way in &mut ways {
            let since = Instant::now();
            (way.log)();
            let ns = since.elapsed().as_nanos() as f64 / RECORDS as f64;
            // The first round warms up.
            if round > 0 {
                way.ns.push(ns);
            }
            (way.settle)();
        }
    }
    let base = median(&mut ways[1].ns);
    println!("{:<24}{:>12}{:>22}", "", "ns a record", "x tagring, tracing");
    for way in &mut ways {
        let ns = median(&mut way.ns);
        println!("{:<24}{ns:>12.0}{:>22.2}", way.name, ns / base);
    }
}
