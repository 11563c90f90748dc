//! The synthetic session, decoded and put into books, against two truths: the exchange's own engine, and a slow oracle made of ordered
//! maps that reads the bytes by itself.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use tagring_market::book::orders::{Inconsistencies, OrderBooks};
use tagring_market::events::*;
use tagring_market::exchange::Session;
use tagring_market::input::Input;
use tagring_market::itch::{Feed, Frames};
use tagring_market::sink::{Level, Sink, SinkStopped};

const SHARE: i64 = 100_000_000;
const PRICE_4: i64 = 10_000;

fn payload<A: tagring::event::Payload, B: tagring::event::Payload>(payload: &A) -> Option<&B> {
    (A::TAG == B::TAG).then(|| B::ref_from_bytes(payload.as_bytes()).ok()).flatten()
}

/// Books and trades as the program's book slot keeps them.
struct Keep {
    books: OrderBooks,
    trades: HashMap<u32, (u64, i128, i128)>,
}

impl Keep {
    fn trade(&mut self, key: u32, price: i64, qty: i64) {
        let entry = self.trades.entry(key).or_default();
        entry.0 += 1;
        entry.1 += i128::from(qty);
        entry.2 += i128::from(price) * i128::from(qty);
    }
}

impl Sink for Keep {
    fn event<P: tagring::event::Payload>(&mut self, key: u32, event: &P) -> Result<(), SinkStopped> {
        if let Some(order) = payload::<P, OrderAdded>(event) {
            self.books.added(key, order);
        } else if let Some(order) = payload::<P, OrderExecuted>(event) {
            let fill = self.books.executed(order).unwrap();
            self.trade(key, fill.price, fill.qty);
        } else if let Some(order) = payload::<P, OrderExecutedAt>(event) {
            let fill = self.books.executed_at(order).unwrap();
            self.trade(key, fill.price, fill.qty);
        } else if let Some(order) = payload::<P, OrderCancelled>(event) {
            self.books.cancelled(order);
        } else if let Some(order) = payload::<P, OrderDeleted>(event) {
            self.books.deleted(order);
        } else if let Some(order) = payload::<P, OrderReplaced>(event) {
            self.books.replaced(order);
        } else if let Some(trade) = payload::<P, HiddenTrade>(event) {
            self.trade(key, trade.price, i64::from(trade.shares) * SHARE);
        } else if let Some(trade) = payload::<P, CrossTrade>(event) {
            self.trade(key, trade.price, trade.qty);
        }
        Ok(())
    }
    fn snapshot(&mut self, _: u32, _: u64, _: u64, _: &[Level], _: &[Level]) -> Result<(), SinkStopped> {
        Ok(())
    }
}

fn decode(bytes: Vec<u8>) -> (Keep, Feed) {
    let mut input = Input::from_reader("session", Box::new(Cursor::new(bytes))).unwrap();
    let (mut frames, mut feed) = (Frames::new(), Feed::new(true));
    let mut keep = Keep { books: OrderBooks::new(1 << 20), trades: HashMap::new() };
    while let Some(frame) = frames.next(&mut input).unwrap() {
        feed.message(&frame, &mut keep).unwrap();
    }
    (keep, feed)
}

/// (price, shares) by level, best first, from orders kept in plain ordered maps.
type Sides = (Vec<(i64, i64)>, Vec<(i64, i64)>);

/// Reads the bytes on its own, by the offsets of the specification, and adds up every order at every level.
fn oracle(bytes: &[u8]) -> HashMap<u32, Sides> {
    let u32_at = |m: &[u8], at: usize| u32::from_be_bytes(m[at..at + 4].try_into().unwrap());
    let u64_at = |m: &[u8], at: usize| u64::from_be_bytes(m[at..at + 8].try_into().unwrap());
    let mut orders: BTreeMap<u64, (u32, u8, i64, i64)> = BTreeMap::new();
    let mut rest = bytes;
    while rest.len() >= 2 {
        let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let m = &rest[2..2 + len];
        rest = &rest[2 + len..];
        let key = u32::from(u16::from_be_bytes([m[1], m[2]]));
        let mut reduce = |id: u64, shares: u32| {
            let order = orders.get_mut(&id).unwrap();
            order.3 -= i64::from(shares);
            if order.3 == 0 {
                orders.remove(&id);
            }
        };
        match m[0] {
            b'A' | b'F' => {
                orders.insert(u64_at(m, 11), (key, m[19], u32_at(m, 32).into(), u32_at(m, 20).into()));
            }
            b'E' | b'C' | b'X' => reduce(u64_at(m, 11), u32_at(m, 19)),
            b'D' => {
                orders.remove(&u64_at(m, 11)).unwrap();
            }
            b'U' => {
                let (key, side, ..) = orders.remove(&u64_at(m, 11)).unwrap();
                orders.insert(u64_at(m, 19), (key, side, u32_at(m, 31).into(), u32_at(m, 27).into()));
            }
            _ => {}
        }
    }
    let mut levels: HashMap<u32, [BTreeMap<i64, i64>; 2]> = HashMap::new();
    for (key, side, price, shares) in orders.into_values() {
        *levels.entry(key).or_default()[usize::from(side == b'S')].entry(price).or_default() += shares;
    }
    let sides = |[bids, asks]: [BTreeMap<i64, i64>; 2]| (bids.into_iter().rev().collect(), asks.into_iter().collect());
    levels.into_iter().map(|(key, both)| (key, sides(both))).collect()
}

fn sides(books: &OrderBooks, key: u32) -> Sides {
    let book = books.book(key).unwrap();
    let plain = |level: Level| (level.price / PRICE_4, level.qty / SHARE);
    (book.bids().map(plain).collect(), book.asks().map(plain).collect())
}

#[test]
fn books_equal_a_slow_oracle_all_along_the_session() {
    let mut session = Session::new(7);
    let mut bytes = Vec::new();
    for messages in [1_000, 5_000, 20_000, 60_000, 150_000] {
        session.write(messages, &mut bytes);
        let (keep, feed) = decode(bytes.clone());
        assert_eq!(feed.messages().map(|(_, count)| count).sum::<u64>(), session.written());
        assert_eq!(keep.books.inconsistencies(), Inconsistencies::default());
        let expected = oracle(&bytes);
        assert_eq!(expected.len(), 8);
        for (key, expected) in expected {
            assert_eq!(sides(&keep.books, key), expected, "instrument {key} after {messages} messages");
        }
    }
}

#[test]
fn books_and_trades_equal_the_exchange_that_made_the_bytes() {
    let mut session = Session::new(1);
    let mut bytes = Vec::new();
    session.write(200_000, &mut bytes);
    session.close(&mut bytes);
    let (keep, _) = decode(bytes);
    for instrument in session.instruments() {
        let key = u32::from(instrument.locate);
        let (bids, asks) = sides(&keep.books, key);
        assert_eq!((bids.len(), asks.len()), instrument.depth());
        let best = |best: Option<tagring_market::exchange::BestPrice>| best.map(|b| (b.price.into(), b.shares as i64));
        assert_eq!(bids.first().copied(), best(instrument.best_bid()));
        assert_eq!(asks.first().copied(), best(instrument.best_ask()));
        assert!(bids[0].0 < asks[0].0, "never crossed");
        let (count, volume, notional) = keep.trades[&key];
        assert_eq!(count, instrument.trades);
        assert_eq!(volume, i128::from(instrument.shares) * i128::from(SHARE));
        assert_eq!(notional, instrument.notional_e4 as i128 * i128::from(PRICE_4) * i128::from(SHARE));
    }
}

/// The same bytes on every machine: the hash is FNV-1a.
#[test]
fn a_seed_gives_the_same_session_everywhere() {
    let mut bytes = Vec::new();
    Session::new(1).write(50_000, &mut bytes);
    let hash = tagring::event::checks::fnv(0xcbf2_9ce4_8422_2325, &bytes);
    let mut other = Vec::new();
    Session::new(2).write(50_000, &mut other);
    assert_ne!(bytes, other);
    assert_eq!(format!("{hash:016x}"), "27e0d2963d7501ec");
}
