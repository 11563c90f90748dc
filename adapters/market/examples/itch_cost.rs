//! Where the time goes when ITCH is read: framing, decoding to events, and books on top.
//! `cargo run --release -p tagring-market --example itch_cost`
use std::hint::black_box;
use std::io::Cursor;
use std::time::Instant;
use tagring::event::{Event, EventCell, Header, Payload, StoreEvent};
use tagring_market::book::orders::OrderBooks;
use tagring_market::events::View;
use tagring_market::exchange::Session;
use tagring_market::input::Input;
use tagring_market::itch::{Feed, Frames};
use tagring_market::sink::{Level, Sink, SinkStopped};

/// Keeps events as a ring holds them.
struct Keep(Vec<EventCell<7>>);

impl Sink for Keep {
    fn event<P: Payload>(&mut self, key: u32, payload: &P) -> Result<(), SinkStopped> {
        self.0.push(EventCell::store(Header::new(P::TAG, key, tagring::clock::Ticks(0), 0), payload));
        Ok(())
    }

    fn snapshot(&mut self, _: u32, _: u64, _: u64, _: &[Level], _: &[Level]) -> Result<(), SinkStopped> {
        Ok(())
    }
}

fn build(books: &mut OrderBooks, event: &Event) {
    match View::of(event) {
        Some(View::OrderAdded(order)) => books.added(event.key(), order),
        Some(View::OrderDeleted(order)) => books.deleted(order),
        Some(View::OrderExecuted(order)) => {
            black_box(books.executed(order));
        }
        Some(View::OrderExecutedAt(order)) => {
            black_box(books.executed_at(order));
        }
        Some(View::OrderCancelled(order)) => books.cancelled(order),
        Some(View::OrderReplaced(order)) => books.replaced(order),
        _ => {}
    }
}

fn feed(bytes: &[u8], mut each: impl FnMut(&tagring_market::itch::Frame<'_>)) {
    let mut input = Input::from_reader("session", Box::new(Cursor::new(bytes.to_vec()))).expect("opens");
    let mut frames = Frames::new();
    while let Some(frame) = frames.next(&mut input).expect("sound bytes") {
        each(&frame);
    }
}

/// The least of several runs, in nanoseconds per message.
fn best(messages: usize, mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64 / messages as f64
    };
    (0..7).map(|_| once(&mut run)).fold(f64::MAX, f64::min)
}

fn main() {
    const MESSAGES: usize = 1_000_000;
    let mut bytes = Vec::new();
    Session::new(1).write(MESSAGES as u64, &mut bytes);
    let framed = best(MESSAGES, || {
        feed(&bytes, |frame| {
            black_box(frame.bytes.len());
        })
    });
    let mut keep = Keep(Vec::with_capacity(MESSAGES + 100));
    let decoded = best(MESSAGES, || {
        keep.0.clear();
        let mut decoder = Feed::new(true);
        feed(&bytes, |frame| decoder.message(frame, &mut keep).expect("sound messages"));
    });
    let mut orders = 0;
    let built = best(MESSAGES, || {
        let mut books = OrderBooks::new(1 << 21);
        keep.0.iter().for_each(|cell| build(&mut books, cell.as_event()));
        orders = books.orders();
    });
    println!("{MESSAGES} messages of the synthetic session; {orders} orders live at its end; ns a message, best of 7");
    println!("read and frame              {framed:6.1}");
    println!("… and decode into cells     {decoded:6.1}");
    println!("books, from cells in memory {built:6.1}");
}
