//! [`Session`]: the traders around the engines, and the day's course: directory, opening cross, a burst that calms down, close.
use super::engine::{BestPrice, Engine, Resting, TICKS};
use super::random::Random;
use crate::itch::Encoder;

/// Nanoseconds since midnight at the open: 09:30.
const OPEN_NS: u64 = 34_200_000_000_000;
/// A price step: one cent, in units of 1e-4.
const TICK_E4: u32 = 100;
/// Live orders an instrument hovers around.
const LIVE_TARGET: usize = 600;
/// Symbols, and how much of the flow each attracts.
const SYMBOLS: [(&[u8; 8], u32, u64); 8] = [
    (b"TGRA    ", 1_200_000, 30),
    (b"RINGO   ", 450_000, 20),
    (b"HZON    ", 3_100_000, 14),
    (b"STMP    ", 870_000, 11),
    (b"SLOT    ", 640_000, 9),
    (b"LANE    ", 1_550_000, 7),
    (b"GATE    ", 520_000, 5),
    (b"JRNL    ", 980_000, 4),
];

/// An instrument of the session: its engine and what it traded.
#[derive(Debug)]
pub struct Instrument {
    /// Locate code.
    pub locate: u16,
    /// Symbol, padded with spaces.
    pub symbol: [u8; 8],
    /// Lowest price of the window, in units of 1e-4.
    floor: u32,
    /// Where its traders think the price is, in ticks.
    fair: i64,
    engine: Engine,
    /// Trades, broken ones none: executions, hidden trades, the cross.
    pub trades: u64,
    /// Shares traded.
    pub shares: u64,
    /// Sum of price (1e-4) times shares.
    pub notional_e4: u128,
}

impl Instrument {
    fn price(&self, tick: u32) -> u32 {
        self.floor + tick * TICK_E4
    }

    fn traded(&mut self, price: u32, shares: u32) {
        self.trades += 1;
        self.shares += u64::from(shares);
        self.notional_e4 += u128::from(price) * u128::from(shares);
    }

    /// The highest bid.
    pub fn best_bid(&self) -> Option<BestPrice> {
        self.best(self.engine.best_bid())
    }

    /// The lowest ask.
    pub fn best_ask(&self) -> Option<BestPrice> {
        self.best(self.engine.best_ask())
    }

    fn best(&self, tick: Option<usize>) -> Option<BestPrice> {
        tick.map(|tick| BestPrice { price: self.price(tick as u32), shares: self.engine.shares_at(tick) })
    }

    /// Price levels on bid and ask.
    pub fn depth(&self) -> (usize, usize) {
        self.engine.depth()
    }
}

/// A session: call [`Session::write`] until it has written all its messages.
///
/// ```
/// use tagring_market::exchange::Session;
///
/// let (mut one, mut two) = (Vec::new(), Vec::new());
/// Session::new(1).write(10_000, &mut one);
/// Session::new(1).write(10_000, &mut two);
/// assert_eq!(one, two);
/// ```
#[derive(Debug)]
pub struct Session {
    random: Random,
    now_ns: u64,
    instruments: Vec<Instrument>,
    next_order: u64,
    next_match: u64,
    written: u64,
}

impl Session {
    /// A session that has not begun.
    pub fn new(seed: u64) -> Self {
        let instruments = SYMBOLS.iter().zip(1..).map(|(&(symbol, middle, _), locate)| Instrument {
            locate,
            symbol: *symbol,
            floor: middle - (TICKS as u32 / 2) * TICK_E4,
            fair: TICKS as i64 / 2,
            engine: Engine::new(),
            trades: 0,
            shares: 0,
            notional_e4: 0,
        });
        Self {
            random: Random::new(seed),
            now_ns: OPEN_NS - 5_000_000_000,
            instruments: instruments.collect(),
            next_order: 1,
            next_match: 1,
            written: 0,
        }
    }

    /// The instruments: the engine's own view of books and trades, the truth that a reader of the bytes must come to.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Messages written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Appends messages to `out` until at least `messages` are written in all: an order that trades with several writes one
    /// for each.
    pub fn write(&mut self, messages: u64, out: &mut Vec<u8>) {
        if self.written == 0 {
            self.open(out);
        }
        while self.written < messages {
            self.step(out);
        }
    }

    /// Appends the messages that end the day.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        for code in [b'M', b'E', b'C'] {
            self.now_ns += 1_000_000;
            Encoder::new(out).system(self.now_ns, code);
            self.written += 1;
        }
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        let mut encoder = Encoder::new(out);
        encoder.system(self.now_ns, b'O');
        for instrument in &self.instruments {
            self.now_ns += 1_000;
            encoder.directory(instrument.locate, self.now_ns, &instrument.symbol, 100);
            encoder.trading(instrument.locate, self.now_ns, &instrument.symbol, b'T');
        }
        encoder.system(self.now_ns, b'S');
        self.now_ns = OPEN_NS;
        encoder.system(self.now_ns, b'Q');
        self.written += 3 + 2 * self.instruments.len() as u64;
        for at in 0..self.instruments.len() {
            let shares = 1_000 + self.random.below(50_000) as u32;
            let instrument = &mut self.instruments[at];
            let price = instrument.price(instrument.fair as u32);
            instrument.traded(price, shares);
            let (locate, symbol) = (instrument.locate, instrument.symbol);
            Encoder::new(out).cross(locate, self.now_ns, shares.into(), &symbol, price, self.next_match, b'O');
            self.next_match += 1;
            self.written += 1;
        }
    }

    /// Time passes: 1 us between messages at the open, growing to some 20 us.
    fn advance(&mut self) {
        let mean = 500 + (self.written / 2_000).min(10_000);
        self.now_ns += self.random.geometric(mean);
    }

    /// One trader acts.
    fn step(&mut self, out: &mut Vec<u8>) {
        self.advance();
        let total: u64 = SYMBOLS.iter().map(|(.., weight)| weight).sum();
        let mut draw = self.random.below(total);
        let at = SYMBOLS.iter().position(|&(.., weight)| {
            let here = draw < weight;
            draw = draw.wrapping_sub(weight);
            here
        });
        let at = at.unwrap_or(0);
        self.drift(at);
        let live = self.instruments[at].engine.live();
        // Below the target more orders are added than taken away, above it fewer.
        let adds = if live < LIVE_TARGET / 2 {
            80
        } else if live < LIVE_TARGET {
            48
        } else {
            38
        };
        match self.random.below(100) {
            draw if draw < adds => self.add(at, out),
            draw if draw < adds + (100 - adds) * 7 / 10 => self.cancel(at, out),
            draw if draw < adds + (100 - adds) * 9 / 10 => self.replace(at, out),
            _ => self.aggress(at, out),
        }
    }

    /// The fair price wanders, and turns back at the edges of the window.
    fn drift(&mut self, at: usize) {
        if self.random.below(50) == 0 {
            let step = if self.random.below(2) == 0 { 1 } else { -1 };
            let fair = &mut self.instruments[at].fair;
            *fair = (*fair + step).clamp(500, TICKS as i64 - 500);
        }
    }

    /// A tick for a passive order: near the fair price, and not crossing the other side.
    fn passive_tick(&mut self, at: usize, is_bid: bool) -> usize {
        let away = 1 + self.random.geometric(4).min(400) as i64;
        let instrument = &self.instruments[at];
        let tick = if is_bid { instrument.fair - away } else { instrument.fair + away };
        let tick = match is_bid {
            true => instrument.engine.best_ask().map_or(tick, |ask| tick.min(ask as i64 - 1)),
            false => instrument.engine.best_bid().map_or(tick, |bid| tick.max(bid as i64 + 1)),
        };
        tick.clamp(1, TICKS as i64 - 2) as usize
    }

    fn order_id(&mut self) -> u64 {
        // Numbers rise with gaps, as those of an exchange that serves more than this feed.
        self.next_order += 1 + self.random.below(8);
        self.next_order
    }

    fn add(&mut self, at: usize, out: &mut Vec<u8>) {
        let is_bid = self.random.below(2) == 0;
        let tick = self.passive_tick(at, is_bid);
        let shares = 100 * (1 + self.random.below(10) as u32);
        let mpid = (self.random.below(16) == 0).then_some(*b"TAGR");
        let id = self.order_id();
        let instrument = &mut self.instruments[at];
        instrument.engine.rest(id, is_bid, tick, shares);
        let (locate, symbol, price) = (instrument.locate, instrument.symbol, instrument.price(tick as u32));
        let side = if is_bid { b'B' } else { b'S' };
        Encoder::new(out).added(locate, self.now_ns, id, side, shares, &symbol, price, mpid);
        self.written += 1;
    }

    fn cancel(&mut self, at: usize, out: &mut Vec<u8>) {
        let instrument = &mut self.instruments[at];
        let Some((slot, order)) = instrument.engine.pick(&mut self.random) else { return };
        let part = order.shares / 2;
        let locate = instrument.locate;
        if part > 0 && self.random.below(5) == 0 {
            instrument.engine.take(slot, part);
            Encoder::new(out).cancelled(locate, self.now_ns, order.id, part);
        } else {
            instrument.engine.take(slot, order.shares);
            Encoder::new(out).deleted(locate, self.now_ns, order.id);
        }
        self.written += 1;
    }

    fn replace(&mut self, at: usize, out: &mut Vec<u8>) {
        let Some((slot, order)) = self.instruments[at].engine.pick(&mut self.random) else { return };
        let Resting { is_bid, id, .. } = order;
        self.instruments[at].engine.take(slot, order.shares);
        let tick = self.passive_tick(at, is_bid);
        let (new_id, shares) = (self.order_id(), 100 * (1 + self.random.below(10) as u32));
        let instrument = &mut self.instruments[at];
        instrument.engine.rest(new_id, is_bid, tick, shares);
        let (locate, price) = (instrument.locate, instrument.price(tick as u32));
        Encoder::new(out).replaced(locate, self.now_ns, id, new_id, shares, price);
        self.written += 1;
    }

    /// An order that takes what rests, at most three orders deep; now and then it meets one that was hidden.
    fn aggress(&mut self, at: usize, out: &mut Vec<u8>) {
        let buys = self.random.below(2) == 0;
        let mut left = 100 * (1 + self.random.below(12) as u32);
        if self.random.below(16) == 0 {
            self.hidden(at, buys, left, out);
            return;
        }
        for _ in 0..3 {
            let instrument = &mut self.instruments[at];
            let Some(hit) = instrument.engine.hit(buys, left) else { return };
            let locate = instrument.locate;
            let own = instrument.price(hit.tick);
            let (match_id, mut encoder) = (self.next_match, Encoder::new(out));
            // One in 32 gets a better price than the resting order showed.
            if self.random.below(32) == 0 {
                let better = if buys { own - TICK_E4 / 2 } else { own + TICK_E4 / 2 };
                instrument.traded(better, hit.shares);
                encoder.executed_at(locate, self.now_ns, hit.id, hit.shares, match_id, better);
            } else {
                instrument.traded(own, hit.shares);
                encoder.executed(locate, self.now_ns, hit.id, hit.shares, match_id);
            }
            self.next_match += 1;
            self.written += 1;
            left -= hit.shares;
            if left == 0 {
                return;
            }
        }
    }

    fn hidden(&mut self, at: usize, buys: bool, shares: u32, out: &mut Vec<u8>) {
        let instrument = &mut self.instruments[at];
        let price = instrument.price(instrument.fair as u32);
        instrument.traded(price, shares);
        let (locate, symbol) = (instrument.locate, instrument.symbol);
        // The side told is that of the hidden order.
        let side = if buys { b'S' } else { b'B' };
        Encoder::new(out).hidden(locate, self.now_ns, side, shares, &symbol, price, self.next_match);
        self.next_match += 1;
        self.written += 1;
    }
}
