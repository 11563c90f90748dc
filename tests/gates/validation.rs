//! Whatever comes, no invalid event reaches a handler.

use super::{Events, Keep, Note, QUOTE, Quote, TRADE, Trade, stage};
use proptest::prelude::*;
use tagring::event::Payload;
use tagring::gate::{Reason, Validate};
use tagring::zerocopy::{FromBytes, IntoBytes};

/// The gate whose rules [`is_valid`] says once more, in plain Rust.
fn gate() -> Validate<Events> {
    Validate::new()
        .range("Trade", "price", 1..=1_000)
        .and_then(|gate| gate.range("Trade", "venue", 1..=9_u16))
        .and_then(|gate| gate.one_of("Trade", "flags", [0, 3, 5]))
        .and_then(|gate| gate.range("Quote", "bid", 0..=u64::MAX - 1))
        .and_then(|gate| gate.rule("Quote.ratio in 0.25..=0.75"))
        .and_then(|gate| gate.rule("Quote.spread in -1..=1"))
        .and_then(|gate| gate.rule("Quote.size in -1, 1, 2_000, 2_001, 2_002"))
        .and_then(|gate| gate.range("Note", "small", -5..=5))
        .and_then(|gate| gate.rule("Note.level in -7..=-7"))
        .unwrap()
}

fn is_valid(tag: u64, bytes: &[u8]) -> bool {
    match tag {
        1 => Trade::read_from_bytes(bytes).is_ok_and(|trade| {
            (1..=1_000).contains(&{ trade.price })
                && (1..=9).contains(&{ trade.venue })
                && matches!(trade.flags, 0 | 3 | 5)
                && matches!(trade.side, b'B' | b'S')
        }),
        2 => Quote::read_from_bytes(bytes).is_ok_and(|quote| {
            quote.bid < u64::MAX
                && quote.ratio >= 0.25
                && quote.ratio <= 0.75
                && quote.spread.abs() <= 1.0
                && matches!(quote.size, -1 | 1 | 2_000 | 2_001 | 2_002)
        }),
        700 => Note::read_from_bytes(bytes)
            .is_ok_and(|note| matches!(note.kind, [1, 2] | [3, 4]) && note.small.abs() <= 5 && note.level == -7),
        _ => false,
    }
}

/// Any tag with any bytes; and, so that not all is noise, payloads of the right length with fields near what is allowed.
fn anything() -> impl Strategy<Value = (u64, Vec<u8>)> {
    let noise = (prop_oneof![0_u64..4, Just(700), any::<u64>()], proptest::collection::vec(any::<u8>(), 0..64));
    let trade = (-1_i64..1_003, 0_u16..11, 0_u8..7, prop_oneof![Just(b'B'), Just(b'S'), any::<u8>()]);
    let trade = trade
        .prop_map(|(price, venue, flags, side)| (1, Trade { price, qty: 1, side, flags, venue }.as_bytes().to_vec()));
    let ratio = prop_oneof![0.2_f64..0.8, Just(f64::NAN), Just(0.25), Just(0.75), Just(f64::INFINITY)];
    let bid = prop_oneof![any::<u64>(), Just(u64::MAX), Just(u64::MAX - 1)];
    let size = prop_oneof![-3_i32..3, 1_998_i32..2_004];
    let quote = (bid, ratio, prop_oneof![-1.1_f32..1.1, Just(f32::NAN)], size);
    let quote =
        quote.prop_map(|(bid, ratio, spread, size)| (2, Quote { bid, ratio, spread, size }.as_bytes().to_vec()));
    let kind = prop_oneof![Just([1, 2]), Just([3, 4]), any::<[u8; 2]>()];
    let note = (kind, -7_i16..8, prop_oneof![Just(-7_i8), any::<i8>()]).prop_map(|(kind, small, level)| {
        (700, Note { text: [0; 8], kind, small, level, pad: [0; 3] }.as_bytes().to_vec())
    });
    prop_oneof![noise, trade, quote, note]
}

/// What a boundary does: it checks, and publishes what it read.
fn publish(
    feed: &mut tagring::gate::Gated<Events, tagring::ring::Publisher<<Events as tagring::event::Family>::Cell>, ()>,
    tag: u64,
    bytes: &[u8],
) {
    let published = match tag {
        1 => feed.try_publish(1, &Trade::read_from_bytes(bytes).unwrap()),
        2 => feed.try_publish(2, &Quote::read_from_bytes(bytes).unwrap()),
        700 => feed.try_publish(3, &Note::read_from_bytes(bytes).unwrap()),
        tag => panic!("tag {tag} was let in"),
    };
    published.unwrap();
}

/// Every event that the handler saw is valid, and they are as many as were valid.
fn assert_valid(keep: &Keep, valid: usize) {
    let seen = keep.0.lock().unwrap();
    assert_eq!(seen.len(), valid);
    for (_, tag, bytes) in seen.iter() {
        let size = match tag {
            1 => size_of::<Trade>(),
            2 => size_of::<Quote>(),
            _ => size_of::<Note>(),
        };
        assert!(is_valid(u64::from(*tag), &bytes[..size]), "tag {tag}: {bytes:?}");
    }
}

proptest! {
    #[test]
    fn issue_4560_no_bytes_from_outside_reach_a_handler_unless_they_are_a_valid_event(
        all in proptest::collection::vec(anything(), 1..64),
    ) {
        let (_, _, feed, mut slot, keep) = stage(64);
        let (validate, mut feed) = (gate(), feed.gate(()).unwrap());
        let mut valid = 0;
        for (tag, bytes) in &all {
            let checked = validate.check(*tag, bytes);
            prop_assert_eq!(checked.is_ok(), is_valid(*tag, bytes), "{} {:?}: {:?}", tag, bytes, checked);
            if checked.is_ok() {
                publish(&mut feed, *tag, bytes);
                valid += 1;
            }
        }
        while slot.turn() {}
        assert_valid(&keep, valid);
    }

    #[test]
    fn issue_4560_no_event_reaches_a_handler_through_a_gated_publisher_unless_it_is_valid(
        all in proptest::collection::vec(anything(), 1..64),
    ) {
        let (_, _, feed, mut slot, keep) = stage(64);
        let mut feed = feed.gate(gate()).unwrap();
        let (mut valid, mut offered) = (0, 0);
        for (tag, bytes) in &all {
            let published = match tag {
                1 => Trade::read_from_bytes(bytes).map(|trade| feed.send(1, &trade)).ok(),
                2 => Quote::read_from_bytes(bytes).map(|quote| feed.send(2, &quote)).ok(),
                700 => Note::read_from_bytes(bytes).map(|note| feed.send(3, &note)).ok(),
                _ => None,
            };
            let Some(published) = published else { continue };
            offered += 1;
            prop_assert_eq!(published.is_ok(), is_valid(*tag, bytes));
            valid += usize::from(published.is_ok());
        }
        while slot.turn() {}
        assert_valid(&keep, valid);
        let counts = feed.counts();
        prop_assert_eq!((counts.offered(), counts.published()), (offered, valid as u64));
        prop_assert_eq!(counts.rejected(), offered - valid as u64);
    }
}

#[test]
fn issue_4560_a_rejection_says_what_where_value_limit_and_remedy() {
    let gate = gate();
    let said = |tag: u64, bytes: &[u8]| gate.check(tag, bytes).unwrap_err().to_string();
    assert_eq!(
        said(5_000, &[]),
        "validate: no event of family market has tag 5000; send what the family declares [TR-0901]"
    );
    assert_eq!(
        said(1, &[0; 3]),
        "validate: Trade has 16 bytes, 3 came; send it whole, in this version of its schema [TR-0902]"
    );
    assert_eq!(
        said(1, Trade { side: 7, ..TRADE }.as_bytes()),
        "validate: Trade.side is 7, declared is [b'B', b'S']; correct the value [TR-0903]"
    );
    assert_eq!(
        said(700, Note { text: [0; 8], kind: [9, 9], small: 0, level: -7, pad: [0; 3] }.as_bytes()),
        "validate: Note.kind is not as declared, [[1, 2], [3, 4]]; correct the value [TR-0903]"
    );
    assert_eq!(
        said(1, Trade { price: -4, ..TRADE }.as_bytes()),
        "validate: Trade.price is -4, allowed is 1 to 1000; correct the value, or the rule [TR-0904]"
    );
    assert_eq!(
        said(2, Quote { ratio: f64::NAN, ..QUOTE }.as_bytes()),
        "validate: Quote.ratio is NaN, allowed is 0.25 to 0.75; correct the value, or the rule [TR-0904]"
    );
    assert_eq!(
        said(2, Quote { bid: u64::MAX, ..QUOTE }.as_bytes()),
        "validate: Quote.bid is 18446744073709551615, allowed is 0 to 18446744073709551614; correct the value, or the rule [TR-0904]"
    );
    assert_eq!(
        said(2, Quote { size: 7, ..QUOTE }.as_bytes()),
        "validate: Quote.size is 7, allowed is -1, 1, 2000, 2001, ..; correct the value, or the rule [TR-0905]"
    );
    assert_eq!(
        said(1, Trade { flags: 7, ..TRADE }.as_bytes()),
        "validate: Trade.flags is 7, allowed is 0, 3, 5; correct the value, or the rule [TR-0905]"
    );
}

#[test]
fn declared_values_may_be_left_to_the_program() {
    let wrong = Trade { side: 7, ..TRADE };
    assert!(Validate::<Events>::new().check(1, wrong.as_bytes()).is_err());
    assert!(Validate::<Events>::new().without_declared().check(1, wrong.as_bytes()).is_ok());
    assert_eq!(wrong.undeclared().map(|(field, _)| Trade::SCHEMA.fields[field].name), Some("side"));
    assert_eq!(TRADE.undeclared(), None);
}

#[test]
fn issue_4560_a_boundary_without_a_publisher_counts_by_tag_and_reason() {
    let mut counts = tagring::gate::GateCounts::of::<Events>();
    let (view, gate) = (counts.view(), gate());
    for (tag, bytes) in [(1, TRADE.as_bytes()), (1, &[0; 3]), (9, &[]), (1_u64 << 40, &[]), (1, &[0; 16])] {
        match gate.check(tag, bytes) {
            Ok(_) => counts.published(),
            Err(rejection) => counts.rejected(tag, &rejection),
        }
    }
    assert_eq!((view.offered(), view.published(), view.rejected()), (5, 1, 4));
    let told = view.by_tag().iter().map(|one| (one.payload, one.reason, one.count)).collect::<Vec<_>>();
    assert_eq!(
        told,
        [(None, Reason::UnknownTag, 2), (Some("Trade"), Reason::Length, 1), (Some("Trade"), Reason::Undeclared, 1)]
    );
}
