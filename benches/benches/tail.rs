//! The table: `cargo bench -p tagring-benches --bench tail [-- --rounds N] [--quick] [--only PART] [--json FILE]`.
//!
//! Every round of every row is run in turn with the others of its table, on the same two cores, so that what else the machine
//! does meets all of them. At the end stand the bars, each met or missed.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;
use tagring_benches::bars::{Bar, Sense};
use tagring_benches::clock::{self, Scale};
use tagring_benches::cores::{Cores, pin};
use tagring_benches::peer::{Peer, TwoToOne};
use tagring_benches::peers::{
    BareAtomics, BareLines, CrossbeamChannel, CrossbeamQueue, Disruptor, RtrbChunks, RtrbPushPop, Tagring, TagringEach,
};
use tagring_benches::stream::{Heavy, Light, Publishing, Work, one_to_one, two_to_one};
use tagring_benches::table::{Apart, Figures, Measured, Table, percentiles};
use tagring_benches::{jitter, round_trip};

const LIMIT: &str = "bare atomics (the limit)";
const LIMIT_LINES: &str = "bare atomics, a fresh line each";
const OURS: &str = "tagring";
const OURS_EACH: &str = "tagring, a ring each";
const JITTER: &str = "clock alone (the platform)";
const DISRUPTOR: &str = "disruptor 4.4";
const RTRB: &str = "rtrb push / pop";
const RTRB_CHUNKS: &str = "rtrb chunks";
const QUEUE: &str = "crossbeam ArrayQueue";
const CHANNEL: &str = "crossbeam channel";

/// Fewer rounds than this say nothing.
const ROUNDS_MIN: usize = 5;

/// What the command line asks for.
struct Options {
    rounds: usize,
    events: usize,
    only: Option<String>,
    json: Option<String>,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self { rounds: 101, events: 1 << 16, only: None, json: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--bench" => {}
                "--quick" => (options.rounds, options.events) = (9, 1 << 15),
                "--rounds" => options.rounds = value()?.parse().map_err(|e| format!("--rounds: {e}"))?,
                "--only" => options.only = Some(value()?),
                "--json" => options.json = Some(value()?),
                _ => {
                    return Err(format!(
                        "{word}: not an option; there are --rounds N, --quick, --only PART, --json FILE"
                    ));
                }
            }
        }
        if options.rounds == 0 { Err("--rounds: at least 1".into()) } else { Ok(options) }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }
}

fn main() -> std::process::ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("tail: {why}");
            return std::process::ExitCode::from(2);
        }
    };
    let Some(cores) = Cores::choose() else {
        eprintln!("tail: two cores are needed, this process may use only one");
        return std::process::ExitCode::from(2);
    };
    pin(cores.near);
    let scale = Scale::calibrate();
    let (mut bars, mut report) = (Vec::new(), Vec::new());
    let mut show = |table: Measured| {
        for apart in Apart::ALL.into_iter().filter(|&apart| table.rounds(apart) >= ROUNDS_MIN) {
            println!("{}", table.markdown(apart));
        }
        report.push(table.json());
        table
    };
    let mut bar = |what: &str, (table, column): (&Measured, usize), ours: &str, theirs: &[&str], rule: (Sense, f64)| {
        let enough = Apart::ALL.into_iter().filter(|&apart| table.rounds(apart) >= ROUNDS_MIN);
        bars.extend(enough.filter_map(|apart| Bar::new(what, (table, column), ours, theirs, rule, apart)));
    };
    if options.wants("clock") {
        show(clocks(&options));
    }
    if options.wants("trip") {
        let table = show(round_trips(&options, cores, scale));
        let peers = peers(&table);
        bar("round trip, median", (&table, 0), OURS, &[LIMIT], (Sense::AtMost, 1.05));
        bar("round trip, median", (&table, 0), OURS, &[LIMIT_LINES], (Sense::AtMost, 1.05));
        bar("round trip, p99", (&table, 1), OURS, &peers, (Sense::AtMost, 0.75));
    }
    if options.wants("stream") {
        let table = show(streams::<Light, 7>(&options, cores, scale, "56-byte events"));
        let peers = peers(&table);
        bar("one to one, 56 bytes, single", (&table, 0), OURS, &peers, (Sense::AtLeast, 4.0));
        bar("one to one, 56 bytes, batches of 64", (&table, 1), OURS, &peers, (Sense::AtLeast, 0.95));
        let table = show(streams::<Light, 4>(&options, cores, scale, "32-byte events"));
        bar("one to one, 32 bytes, single", (&table, 0), OURS, &[DISRUPTOR], (Sense::AtLeast, 5.0));
    }
    if options.wants("heavy") {
        show(streams::<Heavy, 7>(&options, cores, scale, "56-byte events"));
        show(streams::<Heavy, 4>(&options, cores, scale, "32-byte events"));
    }
    if options.wants("two") {
        let table = show(twos(&options, cores, scale));
        bar("two publishers", (&table, 0), OURS, &[DISRUPTOR], (Sense::AtLeast, 2.0));
        bar("two publishers, a ring each", (&table, 0), OURS_EACH, &[DISRUPTOR], (Sense::AtLeast, 2.0));
    }
    println!("| bar | asked | this run | |\n|---|---|---:|---|");
    bars.iter().for_each(|bar| println!("{bar}"));
    if let Some(file) = &options.json {
        let met = bars.iter().map(|bar| bar.is_met().to_string()).collect::<Vec<_>>().join(",");
        let text = format!("{{\"tables\":[{}],\"bars_met\":[{met}]}}\n", report.join(","));
        if let Err(why) = std::fs::write(file, text) {
            eprintln!("tail: {file}: {why}");
            return std::process::ExitCode::from(2);
        }
    }
    std::process::ExitCode::SUCCESS
}

/// The rows that are somebody else's queue.
fn peers(table: &Measured) -> Vec<&str> {
    table.names().filter(|name| ![OURS, OURS_EACH, LIMIT, LIMIT_LINES, JITTER].contains(name)).collect()
}

fn clocks(options: &Options) -> Measured {
    let read = |read: fn() -> u64| move || vec![clock::cost_ns(20_000, || _ = black_box(read()))];
    Table::new("Reading a clock", &["ns"], || Apart::Near)
        .case("RDTSC", read(clock::stamp))
        .case("RDTSCP", read(clock::arrival))
        .case("LFENCE; RDTSC", read(clock::fenced))
        .case("Instant::now", || vec![clock::cost_ns(20_000, || _ = black_box(Instant::now()))])
        .run(options.rounds)
}

fn round_trips(options: &Options, cores: Cores, scale: Scale) -> Measured {
    fn trip<P: Peer<round_trip::Event>>(cores: Cores, scale: Scale) -> impl FnMut() -> Figures {
        move || percentiles(round_trip::round::<P>(cores), |ticks| scale.ns(ticks))
    }
    Table::new("Round trip over two queues, ns", &["p50", "p99", "p99.9"], move || round_trip::distance(cores, scale))
        .case(LIMIT, trip::<BareAtomics>(cores, scale))
        .case(LIMIT_LINES, trip::<BareLines>(cores, scale))
        .case(OURS, trip::<Tagring>(cores, scale))
        .case(DISRUPTOR, trip::<Disruptor>(cores, scale))
        .case(RTRB_CHUNKS, trip::<RtrbChunks>(cores, scale))
        .case(RTRB, trip::<RtrbPushPop>(cores, scale))
        .case(QUEUE, trip::<CrossbeamQueue>(cores, scale))
        .case(CHANNEL, trip::<CrossbeamChannel>(cores, scale))
        .case(JITTER, || percentiles(jitter::round(), |ticks| scale.ns(ticks)))
        .run(options.rounds)
}

fn streams<W: Work, const N: usize>(options: &Options, cores: Cores, scale: Scale, what: &str) -> Measured {
    fn row<P: Peer<[u64; N]>, W: Work, const N: usize>(cores: Cores, events: usize) -> impl FnMut() -> Figures {
        move || {
            let round = |how| one_to_one::<P, W, N>(cores, how, events) / 1e6;
            vec![round(Publishing::Single), round(Publishing::Batches)]
        }
    }
    let mut title = String::new();
    let _ = write!(title, "One to one, {what}, {} handler, M events/s", W::NAME);
    Table::new(&title, &["single", "batches of 64"], move || round_trip::distance(cores, scale))
        .case(OURS, row::<Tagring, W, N>(cores, options.events))
        .case(DISRUPTOR, row::<Disruptor, W, N>(cores, options.events))
        .case(RTRB_CHUNKS, row::<RtrbChunks, W, N>(cores, options.events))
        .case(RTRB, row::<RtrbPushPop, W, N>(cores, options.events))
        .case(QUEUE, row::<CrossbeamQueue, W, N>(cores, options.events))
        .case(CHANNEL, row::<CrossbeamChannel, W, N>(cores, options.events))
        .run(options.rounds)
}

fn twos(options: &Options, cores: Cores, scale: Scale) -> Measured {
    fn row<P: TwoToOne<[u64; 4]>>(cores: Cores, events: usize) -> impl FnMut() -> Figures {
        move || vec![two_to_one::<P, 4>(cores, events) / 1e6]
    }
    Table::new("Two publishers on one core to one reader, 32-byte events, M events/s", &["single"], move || {
        round_trip::distance(cores, scale)
    })
    .case(OURS, row::<Tagring>(cores, options.events))
    .case(OURS_EACH, row::<TagringEach>(cores, options.events))
    .case(DISRUPTOR, row::<Disruptor>(cores, options.events))
    .case(QUEUE, row::<CrossbeamQueue>(cores, options.events))
    .case(CHANNEL, row::<CrossbeamChannel>(cores, options.events))
    .run(options.rounds)
}
