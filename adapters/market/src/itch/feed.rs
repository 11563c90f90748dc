//! [`Feed`]: decodes messages and puts their events into a sink. The invariant: a message is published whole or, if
//! anything about it is wrong, not at all.
use super::fault::{Fault, FrameError};
use super::frames::Frame;
use super::wire::{Message, message_len};
use crate::decimal::ONE;
use crate::events::*;
use crate::sink::{Sink, SinkStopped};
use std::fmt;

/// Skipped messages kept word by word; the rest is only counted.
const EXAMPLES_MAX: usize = 8;
/// A price unit of 1e-4 in units of 1e-8.
const PRICE_4: i64 = 10_000;

/// Why a feed stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedError {
    /// A bad message, and the feed is strict.
    Frame(FrameError),
    /// The sink wants no more.
    Stopped,
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Stopped => f.write_str("the bus is closed"),
        }
    }
}

impl std::error::Error for FeedError {}

/// What is wrong inside of a message, before it is known where the message is.
enum Wrong {
    Fault(Fault),
    Stopped,
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<SinkStopped> for Wrong {
    fn from(_: SinkStopped) -> Self {
        Self::Stopped
    }
}

/// Decodes ITCH messages one by one.
///
/// ```
/// use tagring_market::input::Input;
/// use tagring_market::itch::{Encoder, Feed, Frames};
/// use tagring_market::sink::{Level, Sink, SinkStopped};
///
/// struct Print;
/// impl Sink for Print {
///     fn event<P: tagring::event::Payload>(&mut self, key: u32, _: &P) -> Result<(), SinkStopped> {
///         Ok(println!("{key}: {}", P::NAME))
///     }
///     fn snapshot(&mut self, _: u32, _: u64, _: u64, _: &[Level], _: &[Level]) -> Result<(), SinkStopped> {
///         Ok(())
///     }
/// }
///
/// let mut day = Vec::new();
/// Encoder::new(&mut day).deleted(7, 34_200_000_000_000, 42);
/// let mut input = Input::from_reader("example", Box::new(std::io::Cursor::new(day)))?;
/// let (mut frames, mut feed) = (Frames::new(), Feed::new(true));
/// while let Some(frame) = frames.next(&mut input)? {
///     feed.message(&frame, &mut Print)?;
/// }
/// assert_eq!(feed.messages().collect::<Vec<_>>(), [('D', 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Feed {
    strict: bool,
    counts: Box<[u64; 256]>,
    /// Frames without content, with which the exchange ends a day.
    empty: u64,
    skipped: u64,
    skips: Vec<(&'static str, u64)>,
    examples: Vec<FrameError>,
}

impl Feed {
    /// A feed that has seen nothing. A strict one makes a bad message an error; else it is skipped and counted.
    pub fn new(strict: bool) -> Self {
        Self { strict, counts: Box::new([0; 256]), empty: 0, skipped: 0, skips: Vec::new(), examples: Vec::new() }
    }

    /// Decodes one message and publishes its events.
    ///
    /// # Errors
    /// The sink stopped, or the message is bad and the feed is strict.
    #[inline]
    pub fn message<S: Sink>(&mut self, frame: &Frame<'_>, sink: &mut S) -> Result<(), FeedError> {
        match self.decode(frame, sink) {
            Ok(()) => Ok(()),
            Err(Wrong::Stopped) => Err(FeedError::Stopped),
            Err(Wrong::Fault(fault)) => self.fault(frame, fault),
        }
    }

    /// Messages by type, those that occurred.
    pub fn messages(&self) -> impl Iterator<Item = (char, u64)> {
        (0..=255_u8).map(|kind| (char::from(kind), self.counts[usize::from(kind)])).filter(|&(_, count)| count > 0)
    }

    /// Frames without content.
    pub fn empty(&self) -> u64 {
        self.empty
    }

    /// Messages left out.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Skipped messages by the name of their fault.
    pub fn skips(&self) -> &[(&'static str, u64)] {
        &self.skips
    }

    /// The first skipped messages, word by word.
    pub fn examples(&self) -> &[FrameError] {
        &self.examples
    }

    #[cold]
    fn fault(&mut self, frame: &Frame<'_>, fault: Fault) -> Result<(), FeedError> {
        let name = fault.name();
        let error = FrameError { message: frame.number, offset: frame.offset, fault };
        if self.strict {
            return Err(FeedError::Frame(error));
        }
        self.skipped += 1;
        match self.skips.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => self.skips.push((name, 1)),
        }
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(error);
        }
        Ok(())
    }

    #[inline]
    fn decode<S: Sink>(&mut self, frame: &Frame<'_>, sink: &mut S) -> Result<(), Wrong> {
        if let Some((found, expected)) = frame.cut {
            return Err(Fault::Cut { expected, found }.into());
        }
        let Some(&kind) = frame.bytes.first() else {
            self.empty += 1;
            return Ok(());
        };
        let expected = message_len(kind);
        if expected != frame.bytes.len() {
            let len = frame.bytes.len();
            let fault = if expected == 0 { Fault::UnknownType { kind } } else { Fault::Length { kind, len, expected } };
            return Err(fault.into());
        }
        let message = Message(frame.bytes);
        match kind {
            b'A' | b'F' | b'E' | b'C' | b'X' | b'D' | b'U' => orders(kind, message, sink)?,
            b'P' | b'Q' | b'B' => trades(kind, message, sink)?,
            _ => notices(kind, message, sink)?,
        }
        self.counts[usize::from(kind)] += 1;
        Ok(())
    }
}

fn qty(shares: u32) -> i64 {
    i64::from(shares) * ONE
}

fn price(units: u32) -> i64 {
    i64::from(units) * PRICE_4
}

#[inline(always)]
fn side(message: Message<'_>, at: usize) -> Result<u8, Fault> {
    match message.u8(at) {
        side @ (b'B' | b'S') => Ok(side),
        side => Err(Fault::Side { side }),
    }
}

/// What happens to orders.
#[inline(always)]
fn orders<S: Sink>(kind: u8, m: Message<'_>, sink: &mut S) -> Result<(), Wrong> {
    let (key, time_ns, order_id) = (m.locate(), m.time_ns(), m.u64(11));
    match kind {
        b'A' | b'F' => {
            let mpid = if kind == b'F' { m.bytes(36) } else { [0; 4] };
            let (qty, price, side) = (qty(m.u32(20)), price(m.u32(32)), side(m, 19)?);
            sink.event(key, &OrderAdded { order_id, price, qty, time_ns, mpid, side, pad: [0; 3] })?;
        }
        b'E' => sink.event(key, &OrderExecuted { order_id, qty: qty(m.u32(19)), match_id: m.u64(23), time_ns })?,
        b'C' => {
            let (match_id, shares, printable) = (m.u64(23), m.u32(19), m.u8(31));
            let price = price(m.u32(32));
            sink.event(key, &OrderExecutedAt { order_id, price, match_id, time_ns, shares, printable, pad: [0; 3] })?;
        }
        b'X' => sink.event(key, &OrderCancelled { order_id, qty: qty(m.u32(19)), time_ns })?,
        b'D' => sink.event(key, &OrderDeleted { order_id, time_ns })?,
        _ => {
            let (new_order_id, shares, price) = (m.u64(19), m.u32(27), price(m.u32(31)));
            sink.event(key, &OrderReplaced { order_id, new_order_id, price, time_ns, shares, pad: [0; 4] })?;
        }
    }
    Ok(())
}

/// Trades that no resting order shows.
fn trades<S: Sink>(kind: u8, m: Message<'_>, sink: &mut S) -> Result<(), Wrong> {
    let (key, time_ns) = (m.locate(), m.time_ns());
    match kind {
        b'P' => {
            let (order_id, match_id, side) = (m.u64(11), m.u64(36), side(m, 19)?);
            let (shares, price) = (m.u32(20), price(m.u32(32)));
            sink.event(key, &HiddenTrade { order_id, price, match_id, time_ns, shares, side, pad: [0; 3] })?;
        }
        b'Q' => {
            let limit = (i64::MAX / ONE) as u64;
            let shares = m.u64(11);
            if shares > limit {
                return Err(Fault::OutOfRange { field: "shares", value: shares, limit }.into());
            }
            let (price, match_id, cross_type) = (price(m.u32(27)), m.u64(31), m.u8(39));
            let qty = shares as i64 * ONE;
            sink.event(key, &CrossTrade { qty, price, match_id, time_ns, cross_type, pad: [0; 7] })?;
        }
        _ => sink.event(key, &TradeBroken { match_id: m.u64(11), time_ns })?,
    }
    Ok(())
}

/// What the exchange says about instruments and about itself.
#[cold]
fn notices<S: Sink>(kind: u8, m: Message<'_>, sink: &mut S) -> Result<(), Wrong> {
    let (key, time_ns) = (m.locate(), m.time_ns());
    match kind {
        b'S' => sink.event(key, &SystemEvent { time_ns, code: m.u8(11), pad: [0; 7] })?,
        b'R' => instrument(m, sink)?,
        b'H' => {
            let (state, reserved, reason) = (m.u8(19), m.u8(20), m.bytes(21));
            sink.event(key, &TradingAction { time_ns, reason, state, reserved, pad: [0; 2] })?;
        }
        b'Y' => sink.event(key, &ShortSaleRestriction { time_ns, action: m.u8(19), pad: [0; 7] })?,
        b'L' => {
            let (mpid, primary, mode, state) = (m.bytes(11), m.u8(23), m.u8(24), m.u8(25));
            sink.event(key, &ParticipantPosition { time_ns, mpid, primary, mode, state, pad: 0 })?;
        }
        b'V' => {
            let (level_1, level_2, level_3) = (price_8(m.u64(11))?, price_8(m.u64(19))?, price_8(m.u64(27))?);
            sink.event(key, &BreakerLevels { time_ns, level_1, level_2, level_3 })?;
        }
        b'W' => sink.event(key, &BreakerBreached { time_ns, level: m.u8(11), pad: [0; 7] })?,
        b'K' => {
            let (release_s, qualifier, price) = (m.u32(19), m.u8(23), price(m.u32(24)));
            sink.event(key, &IpoQuoting { time_ns, price, release_s, qualifier, pad: [0; 3] })?;
        }
        b'J' => {
            let (reference, upper, lower) = (price(m.u32(19)), price(m.u32(23)), price(m.u32(27)));
            sink.event(key, &AuctionCollar { time_ns, reference, upper, lower, extension: m.u32(31), pad: [0; 4] })?;
        }
        b'h' => sink.event(key, &OperationalHalt { time_ns, market: m.u8(19), action: m.u8(20), pad: [0; 6] })?,
        b'I' => imbalance(m, sink)?,
        b'N' => sink.event(key, &RetailInterest { time_ns, interest: m.u8(19), pad: [0; 7] })?,
        _ => direct_listing(m, sink)?,
    }
    Ok(())
}

/// A price of eight decimals.
fn price_8(units: u64) -> Result<i64, Fault> {
    i64::try_from(units).map_err(|_| Fault::OutOfRange { field: "price", value: units, limit: i64::MAX as u64 })
}

fn instrument<S: Sink>(m: Message<'_>, sink: &mut S) -> Result<(), Wrong> {
    let (key, time_ns) = (m.locate(), m.time_ns());
    let mut symbol = [0; 24];
    for (to, from) in symbol.iter_mut().zip(m.bytes::<8>(11)) {
        *to = if from == b' ' { 0 } else { from };
    }
    sink.event(
        key,
        &Instrument {
            symbol,
            time_ns,
            round_lot: m.u32(21),
            market_category: m.u8(19),
            financial_status: m.u8(20),
            issue_class: m.u8(26),
            authenticity: m.u8(29),
        },
    )?;
    sink.event(
        key,
        &InstrumentDetails {
            time_ns,
            etp_leverage: m.u32(34),
            issue_subtype: m.bytes(27),
            round_lots_only: m.u8(25),
            short_sale_threshold: m.u8(30),
            ipo: m.u8(31),
            luld_tier: m.u8(32),
            etp: m.u8(33),
            inverse: m.u8(38),
            pad: [0; 4],
        },
    )?;
    Ok(())
}

fn imbalance<S: Sink>(m: Message<'_>, sink: &mut S) -> Result<(), Wrong> {
    let payload = OrderImbalance {
        paired_shares: m.u64(11),
        imbalance_shares: m.u64(19),
        time_ns: m.time_ns(),
        far_e4: m.u32(36),
        near_e4: m.u32(40),
        reference_e4: m.u32(44),
        direction: m.u8(27),
        cross_type: m.u8(48),
        variation: m.u8(49),
        pad: 0,
    };
    Ok(sink.event(m.locate(), &payload)?)
}

fn direct_listing<S: Sink>(m: Message<'_>, sink: &mut S) -> Result<(), Wrong> {
    let payload = DirectListing {
        time_ns: m.time_ns(),
        near_time_ns: m.u64(32),
        min_e4: m.u32(20),
        max_e4: m.u32(24),
        near_e4: m.u32(28),
        lower_e4: m.u32(40),
        upper_e4: m.u32(44),
        eligible: m.u8(19),
        pad: [0; 3],
    };
    Ok(sink.event(m.locate(), &payload)?)
}
