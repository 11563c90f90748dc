//! An urgent lane above one that is always full: what does the urgent one notice? One thread publishes to both, as fast as the lower lane takes it; the
//! slot reads both. Latency counts from when the urgent event should have been published.

use super::{Found, Part, Setup};
use crate::bars::{Bar, Sense};
use crate::cores::{Cores, pin};
use crate::table::{Column, Table};
use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;
use tagring::bus::{Context, Envelope, Handler, Lanes, Outcome, Publisher, SlotThread, Stamping};
use tagring::clock::Ticks;
use tagring::event::Event;

pub(super) const PART: Part = Part { name: "lanes", about: "an urgent lane above one that is always full", measure };

tagring::events! {
    /// The events of this measurement.
    pub mod market;
    /// A price.
    pub struct Quote = 1, v1 { pub price: i64, pub qty: u64 }
    /// Trading stops.
    pub struct Halt = 2, v1 { pub reason: u64 }
}
use market::{Events, Halt, Quote};

const IDLE: &str = "the lower lane idle";
const CELLS: usize = 1 << 14;
/// An urgent event comes so often.
const EVERY: Duration = Duration::from_micros(20);
/// Quotes between two looks at the clock: few, so that the publisher itself is not late.
const AT_ONCE: usize = 8;
/// Multiplications over each quote.
const WORK: u64 = 8;
/// Most events of a turn: the default, and one for who cares about the urgent lane alone.
const TURNS: [usize; 2] = [256, 16];
const SOON: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Sum {
    quotes: u64,
    halts: u64,
    mix: u64,
}

impl Handler for Sum {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        match ctx.lane() {
            0 => self.halts += event.get::<Halt>().map_or(0, |halt| halt.reason),
            _ => {
                self.quotes += event.get::<Quote>().map_or(0, |quote| quote.qty);
                // A little work, so that the publisher is the faster one and the lane full.
                self.mix = (0..WORK).fold(self.mix | 1, |mix, _| black_box(mix.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
            }
        }
        Outcome::Done
    }
}

fn measure(setup: &Setup) -> Found {
    let columns = [
        Column::less("p50, ns"),
        Column::less("p99, ns"),
        Column::less("p99.9, ns"),
        Column::plain("lower lane, M/s"),
        Column::plain("found full, %"),
    ];
    let title = format!("An urgent event every {EVERY:?}: from its intended time to its handler");
    let (cores, halts) = (setup.cores, setup.pick(50_000, 5_000, 50));
    let row = |turn, floods| move || round(cores, turn, floods, halts);
    let mut table: Table<'static> = setup.table(&title, &columns).limit(IDLE, row(TURNS[0], false));
    for turn in TURNS {
        table = table.ours(name(turn), row(turn, true));
    }
    table = table.why(
        name(TURNS[0]),
        0,
        "It waits for the rest of the turn that the slot is in: half of 256 quotes on average. Shorter turns wait for less.",
    );
    let measured = table.run(setup.rounds.min(setup.pick(15, 5, 1)), &*setup.progress);
    let mut found = Found::default();
    for apart in measured.enough() {
        let what = "p99.9 of the urgent lane above a full one";
        found.bars.extend(Bar::new(what, (&measured, 2), name(TURNS[1]), &[IDLE], (Sense::AtMost, 2.0), apart));
    }
    found.tables.push(measured);
    found
}

const fn name(turn: usize) -> &'static str {
    if turn == TURNS[0] { "above a full one, turns of 256" } else { "above a full one, turns of 16" }
}

/// One run: age of the urgent events, what the lower lane came to, and how often it was full.
fn round(cores: Cores, turn: usize, floods: bool, halts: u64) -> Vec<f64> {
    let mut builder = Lanes::<Events>::builder("md");
    let control = builder.single(64).expect("the capacity is a power of two");
    let quotes = builder.single(CELLS).expect("the capacity is a power of two").stamping(Stamping::OnTick);
    let md = builder.build().expect("two lanes");
    let thread = SlotThread::builder("desk").core(cores.far.id).start().expect("the core is allowed");
    let slot = md.slot("desk").turn_limit(turn).attach(&thread, Sum::default()).expect("a slot is free");
    let every = Ticks(md.clock().from_ns(EVERY.as_nanos() as u64));
    let clock = md.clock().clone();
    let (seconds, tried, full) = std::thread::scope(|scope| {
        let publishing = scope.spawn(move || {
            pin(cores.near);
            let start = Instant::now();
            let (mut control, mut quotes) = (control, quotes);
            let (mut sent, mut tried, mut full) = (0, 0_u64, 0_u64);
            let mut due = Ticks(clock.now().0 + every.0);
            while sent < halts {
                if clock.now() >= due {
                    control.publish(Envelope::key(0).intended(due), &Halt { reason: 1 }).expect("the bus is open");
                    (sent, due) = (sent + 1, Ticks(due.0 + every.0));
                } else if floods {
                    tried += 1;
                    full += u64::from(!flood(&mut quotes));
                }
            }
            (start.elapsed().as_secs_f64(), tried, full)
        });
        publishing.join().expect("the publisher ends")
    });
    let view = slot.view().clone();
    let handled = slot.join(SOON).expect("the slot ends with its bus");
    assert_eq!((handled.halts, handled.quotes), (halts, md.lanes()[1].published()));
    let _ = thread.shutdown(SOON);
    let latencies = view.latencies();
    let halt = latencies.tags.iter().find(|tag| tag.tag.get() == 2).expect("every tag is measured");
    let age = |quantile| halt.age.quantile(quantile) as f64;
    let share = if tried > 0 { full as f64 / tried as f64 * 100.0 } else { 0.0 };
    vec![age(0.5), age(0.99), age(0.999), handled.quotes as f64 / seconds / 1e6, share]
}

/// Publishes a few quotes, if there is room.
fn flood(quotes: &mut Publisher<Events>) -> bool {
    quotes.tick();
    let Ok(mut batch) = quotes.batch(AT_ONCE) else { return false };
    for price in 0..AT_ONCE as i64 {
        batch.push(7, &Quote { price, qty: 1 });
    }
    true
}
