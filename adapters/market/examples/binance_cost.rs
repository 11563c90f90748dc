//! Where the time goes when a Binance capture is read: reading and decompressing, cutting lines, the JSON parser alone,
//! the whole decoding, and books on top. `cargo run --release -p tagring-market --example binance_cost -- FILE`
use std::hint::black_box;
use std::time::Instant;
use tagring_market::binance::{Feed, FeedOptions, Lines};
use tagring_market::book::depth::DepthBook;
use tagring_market::events::LevelChanged;
use tagring_market::input::Input;
use tagring_market::sink::{Level, Sink, SinkStopped};

/// Takes events and does nothing with them.
struct Nothing;

impl Sink for Nothing {
    fn event<P: tagring::event::Payload>(&mut self, key: u32, payload: &P) -> Result<(), SinkStopped> {
        black_box((key, payload));
        Ok(())
    }

    fn snapshot(&mut self, _: u32, _: u64, _: u64, bids: &[Level], asks: &[Level]) -> Result<(), SinkStopped> {
        black_box((bids, asks));
        Ok(())
    }
}

/// Builds books.
#[derive(Default)]
struct Books(Vec<DepthBook>);

impl Books {
    fn of(&mut self, key: u32) -> &mut DepthBook {
        let places = self.0.len().max(key as usize + 1);
        self.0.resize_with(places, DepthBook::new);
        &mut self.0[key as usize]
    }
}

impl Sink for Books {
    fn event<P: tagring::event::Payload>(&mut self, key: u32, payload: &P) -> Result<(), SinkStopped> {
        if P::TAG == <LevelChanged as tagring::event::Payload>::TAG
            && let Ok(change) = <LevelChanged as zerocopy::FromBytes>::read_from_bytes(payload.as_bytes())
        {
            self.of(key).level(&change);
        }
        Ok(())
    }

    fn snapshot(
        &mut self,
        key: u32,
        update_id: u64,
        _: u64,
        bids: &[Level],
        asks: &[Level],
    ) -> Result<(), SinkStopped> {
        self.of(key).snapshot(update_id, bids, asks);
        Ok(())
    }
}

/// The fastest of seven runs, in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let runs = (0..7).map(|_| {
        let begin = Instant::now();
        run();
        begin.elapsed().as_secs_f64()
    });
    runs.fold(f64::INFINITY, f64::min)
}

fn each_line(bytes: &'static [u8], mut each: impl FnMut(&tagring_market::binance::Line<'_>)) {
    let mut input = Input::from_reader("memory", Box::new(bytes)).expect("opens");
    let mut lines = Lines::new();
    while let Some(line) = lines.next(&mut input).expect("reads") {
        each(&line);
    }
}

fn json_of<'a>(line: &tagring_market::binance::Line<'a>) -> &'a [u8] {
    let at = line.bytes.iter().position(|&byte| byte == b' ').map_or(0, |at| at + 1);
    &line.bytes[at..]
}

/// simd-json's tape alone, its memory reused: what the feed cannot go below.
fn tape_alone(bytes: &'static [u8]) {
    let (mut buffers, mut copy, mut kept) = (simd_json::Buffers::default(), Vec::new(), simd_json::Tape(Vec::new()));
    each_line(bytes, |line| {
        copy.clear();
        copy.extend_from_slice(json_of(line));
        let mut tape = std::mem::replace(&mut kept, simd_json::Tape(Vec::new())).reset();
        simd_json::fill_tape(&mut copy, &mut buffers, &mut tape).expect("JSON");
        black_box(&tape);
        kept = tape.reset();
    });
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: binance_cost FILE")?;
    let mut bytes = Vec::new();
    let mut input = Input::open(&path)?;
    while !input.block().is_empty() {
        bytes.extend_from_slice(input.block());
        input.advance()?;
    }
    let bytes: &'static [u8] = bytes.leak();
    let mut count = 0u64;
    each_line(bytes, |_| count += 1);

    let unpack = best(|| {
        let mut input = Input::open(&path).expect("opens");
        while !input.block().is_empty() {
            black_box(input.block());
            input.advance().expect("reads");
        }
    });
    let lines = best(|| {
        each_line(bytes, |line| {
            black_box(line.local_ns());
        })
    });
    let tape = best(|| tape_alone(bytes));
    let sonic =
        best(|| each_line(bytes, |line| drop(black_box(sonic_rs::from_slice::<sonic_rs::Value>(json_of(line))))));
    let whole = best(|| {
        let mut feed = Feed::new(FeedOptions::default());
        each_line(bytes, |line| feed.line(line, &mut Nothing).expect("decodes"));
    });
    let books = best(|| {
        let (mut feed, mut books) = (Feed::new(FeedOptions::default()), Books::default());
        each_line(bytes, |line| feed.line(line, &mut books).expect("decodes"));
        black_box(&books.0);
    });
    println!("{path}: {count} lines, {} bytes", bytes.len());
    let table = [
        ("read and decompress", unpack),
        ("cut lines (from memory)", lines),
        ("… and simd-json's tape", tape),
        ("… or sonic-rs's tree", sonic),
        ("… or decode to events", whole),
        ("… and build books", books),
    ];
    for (what, seconds) in table {
        let (ns, mb_s) = (seconds * 1e9 / count as f64, bytes.len() as f64 / seconds / 1e6);
        println!("{what:<26} {ns:>8.0} ns/line {:>10.0} lines/s {mb_s:>7.0} MB/s", count as f64 / seconds);
    }
    let share = 100.0 * (tape - lines) / (unpack + whole);
    println!("the JSON parser's share of reading, decompressing and decoding: {share:.0} %");
    Ok(())
}
