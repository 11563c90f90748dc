//! The feed, the books and the ticker check allocate nothing once their memory has grown to its size: counted over a
//! second pass of a long stream, in a process of its own.
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use tagring_market::binance::{Feed, FeedOptions, Line};
use tagring_market::book::depth::DepthBook;
use tagring_market::book::ticker::TickerCheck;
use tagring_market::events::{BestPrices, LevelChanged};
use tagring_market::sink::{Level, Sink, SinkStopped};
use zerocopy::FromBytes;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Counts what the system's allocator is asked for.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps this method's contract, which is the system allocator's own.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One symbol's book and its check.
#[derive(Default)]
struct One {
    book: DepthBook,
    check: TickerCheck,
}

impl Sink for One {
    fn event<P: tagring::event::Payload>(&mut self, _: u32, payload: &P) -> Result<(), SinkStopped> {
        if P::NAME == "LevelChanged" {
            let change = LevelChanged::read_from_bytes(payload.as_bytes()).map_err(|_| SinkStopped)?;
            if self.book.level(&change) {
                self.check.book(change.update_id, self.book.best_bid(), self.book.best_ask());
            }
        } else if P::NAME == "BestPrices" {
            self.check.ticker(&BestPrices::read_from_bytes(payload.as_bytes()).map_err(|_| SinkStopped)?);
        }
        Ok(())
    }

    fn snapshot(&mut self, _: u32, id: u64, _: u64, bids: &[Level], asks: &[Level]) -> Result<(), SinkStopped> {
        self.book.snapshot(id, bids, asks);
        Ok(())
    }
}

fn stream() -> Vec<String> {
    let mut lines = vec![r#"1 {"lastUpdateId":1,"bids":[["100","1"]],"asks":[["200","1"]]}"#.to_owned()];
    for id in 2..20_000u64 {
        let (price, size) = (90 + id * 7 % 10, id % 3);
        let row = format!(r#"["{price}.5","{size}.25"],["{price}","{size}"]"#);
        lines.push(match id % 3 {
            0 => format!(r#"{id} {{"e":"depthUpdate","E":1,"s":"X","U":{id},"u":{id},"b":[{row}],"a":[]}}"#),
            1 => format!(r#"{id} {{"u":{id},"s":"X","b":"99.5","B":"1","a":"200","A":"1"}}"#),
            _ => format!(r#"{id} {{"e":"trade","E":1,"s":"X","t":{id},"p":"99","q":"1","T":1,"m":true}}"#),
        });
    }
    lines
}

#[test]
fn nothing_is_allocated_per_message_after_warm_up() {
    let lines = stream();
    let (mut feed, mut sink) = (Feed::new(FeedOptions::default()), One::default());
    let mut run = |lines: &[String]| {
        for (number, line) in lines.iter().enumerate() {
            let bytes = line.as_bytes();
            let line = Line { bytes, number: number as u64, offset: 0, length: bytes.len() as u64, terminated: true };
            feed.line(&line, &mut sink).expect("decodes");
        }
    };
    // Warm: rows, parser memory, and the memory of recent changes (which doubles, the last time at 8,192) have grown.
    let (warm, counted) = lines.split_at(18_000);
    run(warm);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    run(counted);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    assert_eq!(feed.counts().total(), lines.len() as u64);
}
