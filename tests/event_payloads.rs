//! Payloads, schemas, tags and headers, as `events!` and the types around it make them.

use core::mem::{align_of, offset_of};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tagring::clock::Ticks;
use tagring::event::{
    Event, EventCell, EventError, Family, Field, Header, MAX_TAGS, PAYLOAD_MAX, Payload, Schema, StoreEvent, Tag,
    TagSet, cell_words, delay,
};
use tagring::zerocopy::{FromBytes, IntoBytes};

tagring::events! {
    /// What these tests publish.
    pub mod market;
    /// A print on the tape.
    pub struct Trade = 1, v3 {
        /// Price in ticks.
        pub price: i64 where 1..=1_000_000,
        pub qty: u32 where 1..,
        pub side: u8 where [b'B', b'S'],
        pub pad: [u8; 3],
    }
    pub struct Ratio = 700, v1 { pub value: f64 where 0.0..1.0 }
    pub struct Last = 1023, v65535 { pub level: u16 }
    pub struct First = 0, v0 { pub text: [u8; 5] }
}
use market::{Events, First, Last, Ratio, Trade, View};

fn trade(price: i64, qty: u32, side: u8) -> Trade {
    Trade { price, qty, side, pad: [0; 3] }
}

fn cell<P: Payload>(payload: &P) -> <Events as Family>::Cell {
    StoreEvent::store(Header::new(P::TAG, 7, Ticks(9), 0), payload)
}

#[test]
fn issue_4577_a_schema_says_what_the_struct_is() {
    const fn field(name: &'static str, type_name: &'static str, offset: usize, size: usize) -> Field {
        Field { name, type_name, offset, size }
    }
    const FIELDS: &[Field] = &[
        field("price", "i64", offset_of!(Trade, price), 8),
        field("qty", "u32", offset_of!(Trade, qty), 4),
        field("side", "u8", offset_of!(Trade, side), 1),
        field("pad", "[u8; 3]", offset_of!(Trade, pad), 3),
    ];
    let expected = Schema {
        tag: Tag::new(1),
        name: "Trade",
        version: 3,
        size: size_of::<Trade>(),
        align: align_of::<Trade>(),
        fields: FIELDS,
    };
    assert_eq!(*Trade::SCHEMA, expected);
    assert_eq!(Trade::SCHEMA.fields.iter().map(|field| field.size).sum::<usize>(), Trade::SCHEMA.size, "no padding");
    assert_eq!((Trade::NAME, Trade::VERSION, Last::VERSION, First::VERSION), ("Trade", 3, 65535, 0));
    assert_eq!(Events::NAME, "market");
    assert_eq!(
        Events::SCHEMAS.iter().map(|schema| schema.name).collect::<Vec<_>>(),
        ["Trade", "Ratio", "Last", "First"]
    );
    assert_eq!(Events::ALL, tagring::tags![First, Trade, Ratio, Last]);
}

/// One payload in a family of its own, told apart by what stands in its declaration.
macro_rules! variant {
    ($family:ident: $name:ident = $tag:literal, $version:ident { $($body:tt)* }) => {
        tagring::events! { pub mod $family; pub struct $name = $tag, $version { $($body)* } }
    };
}
variant!(base: Quote = 1, v1 { pub bid: i64, pub ask: i64 });
variant!(same: Quote = 1, v1 { pub bid: i64, pub ask: i64 });
variant!(documented: Quote = 1, v1 { /** Best. */ pub bid: i64, pub ask: i64 });
variant!(other_name: Price = 1, v1 { pub bid: i64, pub ask: i64 });
variant!(other_tag: Quote = 2, v1 { pub bid: i64, pub ask: i64 });
variant!(other_version: Quote = 1, v2 { pub bid: i64, pub ask: i64 });
variant!(other_field: Quote = 1, v1 { pub buy: i64, pub ask: i64 });
variant!(other_order: Quote = 1, v1 { pub ask: i64, pub bid: i64 });
variant!(other_sign: Quote = 1, v1 { pub bid: i64, pub ask: u64 });
variant!(other_size: Quote = 1, v1 { pub bid: i64, pub ask: [i64; 2] });
variant!(one_more: Quote = 1, v1 { pub bid: i64, pub ask: i64, pub qty: u64 });

#[test]
fn issue_4577_a_schema_id_changes_with_each_part_of_the_layout() {
    let id = base::Quote::SCHEMA.id();
    assert_eq!([same::Quote::SCHEMA.id(), documented::Quote::SCHEMA.id()], [id; 2], "equal layouts, equal ids");
    let others = [
        id,
        other_name::Price::SCHEMA.id(),
        other_tag::Quote::SCHEMA.id(),
        other_version::Quote::SCHEMA.id(),
        other_field::Quote::SCHEMA.id(),
        other_order::Quote::SCHEMA.id(),
        other_sign::Quote::SCHEMA.id(),
        other_size::Quote::SCHEMA.id(),
        one_more::Quote::SCHEMA.id(),
    ];
    assert_eq!(BTreeSet::from(others).len(), others.len(), "{others:x?}");
    // An id is written into files: it must not change between builds.
    assert_eq!(Last::SCHEMA.id(), 0x02dc_7635_d5b9_9139);
}

#[test]
fn issue_4578_an_event_of_another_version_or_size_is_refused_by_name() {
    let admit = |tag, version, size| Events::admit(tag, version, size).map(|schema| schema.name);
    assert_eq!(admit(1, 3, 16), Ok("Trade"));
    assert_eq!(admit(1, 2, 16), Err(EventError::Version { payload: "Trade", version: 2, expected: 3 }));
    assert_eq!(admit(1, 3, 15), Err(EventError::Size { payload: "Trade", size: 15, expected: 16 }));
    assert_eq!(admit(1, 3, 17), Err(EventError::Size { payload: "Trade", size: 17, expected: 16 }));
    assert_eq!(admit(2, 3, 16), Err(EventError::ForeignTag { family: "market", tag: Tag::new(2) }));
    assert_eq!(admit(1 << 40, 3, 16), Err(EventError::Tag { value: 1 << 40 }));
    for (error, parts) in [
        (admit(1, 2, 16), ["Trade", "version 2", "TR-0505"]),
        (admit(1, 3, 15), ["Trade", "16 bytes, found are 15", "TR-0506"]),
        (admit(2, 3, 16), ["market", "tag 2", "TR-0504"]),
        (admit(1024, 3, 16), ["tag 1024", "0 to 1023", "TR-0501"]),
    ] {
        let text = error.unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn issue_4579_names_become_tags_and_a_wrong_name_is_told_the_nearest() {
    assert_eq!(Events::tag_by_name("Ratio"), Ok(Ratio::TAG));
    let error = Events::tag_by_name("trades").unwrap_err();
    assert!(matches!(error, EventError::UnknownName { nearest: Some("Trade"), ref known, .. } if known.len() == 4));
    let text = error.to_string();
    assert!(["`trades`", "`Trade`", "market", "TR-0503"].iter().all(|part| text.contains(part)), "{text}");
    assert_eq!(Events::schema_of(Last::TAG), Some(Last::SCHEMA));
    assert_eq!(Events::schema_of(Tag::new(2)), None);
}

/// What is wrong with a trade, by hand: the first field in order.
fn fault_of(trade: &Trade) -> Option<(&'static str, String, &'static str)> {
    let fault = |field, value: &dyn ToString, allowed| Some((field, value.to_string(), allowed));
    match *trade {
        Trade { price, .. } if !(1..=1_000_000).contains(&price) => fault("price", &price, "1..=1_000_000"),
        Trade { qty: 0, .. } => fault("qty", &0, "1.."),
        Trade { side, .. } if side != b'B' && side != b'S' => fault("side", &side, "[b'B', b'S']"),
        _ => None,
    }
}

proptest! {
    #[test]
    fn issue_4579_exactly_the_allowed_values_pass_and_the_error_names_field_value_and_limit(
        price in prop_oneof![-1_i64..3, 999_999_i64..1_000_002, any::<i64>()],
        qty in prop_oneof![0_u32..2, any::<u32>()],
        side in prop_oneof![Just(b'B'), Just(b'S'), any::<u8>()],
    ) {
        let trade = trade(price, qty, side);
        match (trade.checked(), fault_of(&trade)) {
            (Ok(passed), None) => prop_assert_eq!(passed, trade),
            (Err(error), Some((at, found, limit))) => {
                let text = error.to_string();
                prop_assert!(text.starts_with(&format!("Trade.{at} is {found}, allowed is {limit}")), "{}", text);
                prop_assert!(text.ends_with("[TR-0502]"));
                let EventError::Value { payload: "Trade", field, value, allowed } = error else { panic!("{error}") };
                prop_assert_eq!((field, value, allowed), (at, found, limit));
            }
            (result, expected) => prop_assert!(false, "{:?} {:?}", result, expected),
        }
        prop_assert_eq!(Trade::read_checked(trade.as_bytes()), trade.checked());
    }

    #[test]
    fn issue_4579_no_float_slips_through(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assert_eq!(Ratio { value }.check().is_ok(), (0.0..1.0).contains(&value));
    }

    #[test]
    fn issue_4579_bytes_of_any_length_and_content_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        match Trade::read_checked(&bytes) {
            Ok(trade) => prop_assert_eq!(trade.as_bytes(), &bytes[..]),
            Err(EventError::Size { payload, size, expected }) => {
                prop_assert!(bytes.len() != 16);
                prop_assert_eq!((payload, size, expected), ("Trade", bytes.len(), 16));
            }
            Err(error) => prop_assert!(bytes.len() == 16 && error.code() == "TR-0502", "{}", error),
        }
    }

    #[test]
    fn issue_4579_an_event_of_random_bytes_is_some_event_and_never_a_panic(bytes: [u8; 56]) {
        let cell = EventCell::<7>::read_from_bytes(&bytes).unwrap();
        let event: &Event = cell.as_event();
        let tag = u16::from_ne_bytes([bytes[12], bytes[13]]) % 1024;
        prop_assert_eq!(event.tag().get(), tag);
        prop_assert!(TagSet::ALL.contains(event.tag()));
        prop_assert_eq!(event.key().to_ne_bytes(), [bytes[8], bytes[9], bytes[10], bytes[11]]);
        // The highest bit says that the last word is a deadline, which no cell of this kind is given.
        let room = if bytes[13] < 0x80 { &bytes[16..] } else { &bytes[16..48] };
        prop_assert_eq!(event.payload_bytes(), room);
        prop_assert!(event.header().intended_ticks() <= event.header().publish_ticks());
        prop_assert_eq!(event.get::<Trade>().is_some(), tag == 1);
        let view = View::of(event);
        prop_assert_eq!(view.is_some(), Events::ALL.contains(event.tag()));
        let shown = format!("{event:?} {view:?} {:?}", event.get::<Trade>().map(Payload::check));
        prop_assert!(shown.contains("Event"));
    }

    #[test]
    fn issue_4579_what_is_stored_comes_back_and_only_as_what_it_is(price: i64, qty: u32, side: u8, key: u32, time: u64) {
        let stored = trade(price, qty, side);
        let cell = <Events as Family>::Cell::store(Header::new(Trade::TAG, key, Ticks(time), 0), &stored);
        let event = cell.as_event();
        prop_assert_eq!((event.key(), event.header().publish_ticks()), (key, Ticks(time)));
        prop_assert_eq!(event.get::<Trade>(), Some(&stored));
        prop_assert_eq!(View::of(event), Some(View::Trade(&stored)));
        prop_assert!(event.get::<Ratio>().is_none() && event.get::<Last>().is_none() && event.get::<First>().is_none());
        prop_assert!(event.payload_bytes()[16..].iter().all(|&byte| byte == 0), "nothing old shows behind the payload");
    }

    #[test]
    fn issue_4576_tag_sets_do_what_sets_of_integers_do(
        steps in prop::collection::vec((0_u16..MAX_TAGS as u16, any::<bool>()), 0..200),
        others in prop::collection::btree_set(0_u16..MAX_TAGS as u16, 0..200),
    ) {
        let (mut set, mut model) = (TagSet::EMPTY, BTreeSet::new());
        for (tag, add) in steps {
            if add { model.insert(tag) } else { model.remove(&tag) };
            set = if add { set.with(Tag::new(tag)) } else { set.without(Tag::new(tag)) };
            prop_assert_eq!(set.contains(Tag::new(tag)), add);
        }
        let of = |model: &BTreeSet<u16>| model.iter().map(|&tag| Tag::new(tag)).collect::<TagSet>();
        let other = of(&others);
        prop_assert_eq!(set, of(&model));
        prop_assert_eq!(set.union(&other), of(&(&model | &others)));
        prop_assert_eq!(set.intersect(&other), of(&(&model & &others)));
        prop_assert_eq!(set.minus(&other), of(&(&model - &others)));
        prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        prop_assert!(set.iter().map(Tag::get).eq(model.iter().copied()));
    }

    #[test]
    fn a_delay_is_exact_when_short_rounded_down_when_long_and_grows_with_its_ticks(
        (a, b) in ((0_u32..64, any::<u64>()), (0_u32..64, any::<u64>())).prop_map(|(a, b)| (a.1 >> a.0, b.1 >> b.0)),
    ) {
        let limit = delay::decode(u16::MAX);
        for ticks in [a, b] {
            let back = delay::decode(delay::encode(ticks));
            if ticks < 4_096 {
                prop_assert_eq!(back, ticks);
            } else if ticks < limit {
                prop_assert!(back <= ticks && ticks - back <= ticks / 2_048, "{} {}", ticks, back);
            } else {
                prop_assert_eq!(back, limit);
            }
            let header = Header::new(Tag::new(0), 0, Ticks(u64::MAX), ticks);
            prop_assert_eq!(header.intended_ticks(), Ticks(u64::MAX - back));
        }
        prop_assert!(delay::encode(a.min(b)) <= delay::encode(a.max(b)));
    }
}

#[test]
fn a_delay_uses_each_of_its_bits() {
    for bits in 0..=u16::MAX {
        assert_eq!(delay::encode(delay::decode(bits)), bits);
    }
    let early = Header::new(Tag::new(0), 0, Ticks(5), 100);
    assert_eq!((early.delay_ticks(), early.intended_ticks()), (100, Ticks(0)), "no time is before the clock's start");
    assert!(delay::decode(u16::MAX) > 4_390_000_000_000);
}

#[test]
fn issue_4576_a_thousand_and_twenty_four_tags_are_usable_and_no_more() {
    assert_eq!((MAX_TAGS, TagSet::ALL.len()), (1024, 1024));
    let one_by_one = (0..1024).map(|value| Tag::try_new(value).unwrap()).collect::<TagSet>();
    assert_eq!(one_by_one, TagSet::ALL);
    assert_eq!(format!("{:?} {:?}", TagSet::ALL, TagSet::EMPTY), "{0..=1023} {}");
    for value in [1024, 65_536, 1 << 32, u64::MAX] {
        let error = Tag::try_new(value).unwrap_err();
        assert_eq!(error, EventError::Tag { value });
        let text = error.to_string();
        assert!(text.contains(&value.to_string()) && text.contains("1023") && text.ends_with("[TR-0501]"), "{text}");
    }
    assert!(std::panic::catch_unwind(|| Tag::new(std::hint::black_box(1024))).is_err());
}

#[test]
fn issue_4576_the_view_matches_every_payload_at_its_tag() {
    fn name(event: &Event) -> &'static str {
        // Exhaustive: a payload that is added to the family stops this from compiling.
        match View::of(event) {
            Some(View::Trade(_)) => Trade::NAME,
            Some(View::Ratio(_)) => Ratio::NAME,
            Some(View::Last(_)) => Last::NAME,
            Some(View::First(_)) => First::NAME,
            None => "another family",
        }
    }
    let other = <base::Events as Family>::Cell::store(
        Header::new(Tag::new(2), 0, Ticks(0), 0),
        &base::Quote { bid: 1, ask: 2 },
    );
    assert_eq!(name(cell(&trade(1, 1, b'B')).as_event()), "Trade");
    assert_eq!(name(cell(&Ratio { value: 0.5 }).as_event()), "Ratio");
    assert_eq!(name(cell(&Last { level: 1 }).as_event()), "Last");
    assert_eq!(name(cell(&First { text: *b"hello" }).as_event()), "First");
    assert_eq!(name(other.as_event()), "another family");
}

tagring::events! { pub mod forty; pub struct A = 1, v1 { pub words: [u64; 5] } }
tagring::events! { pub mod forty_eight; pub struct A = 1, v1 { pub words: [u64; 6] } pub struct B = 2, v1 { pub byte: u8 } }
tagring::events! { pub mod largest; pub struct A = 1, v1 { pub words: [u64; 509] } }

#[test]
fn issue_4576_a_cell_is_the_fewest_cache_lines_that_hold_stamp_header_and_payload() {
    const STAMP: usize = 8;
    const fn line_bytes<F: Family>() -> usize {
        size_of::<F::Cell>() + STAMP
    }
    assert_eq!(size_of::<Header>(), 16);
    assert_eq!([line_bytes::<Events>(), line_bytes::<forty::Events>()], [64; 2]);
    assert_eq!((line_bytes::<forty_eight::Events>(), line_bytes::<largest::Events>()), (128, 4096));
    assert_eq!(size_of::<largest::A>(), PAYLOAD_MAX);
    for size in 1..=PAYLOAD_MAX {
        let bytes = cell_words(size) * 8 + STAMP;
        let needed = STAMP + size_of::<Header>() + size;
        assert!(bytes.is_multiple_of(64) && (needed..needed + 64).contains(&bytes), "{size}: {bytes}");
    }
    let words = core::array::from_fn(|i| i as u64);
    let cell =
        <largest::Events as Family>::Cell::store(Header::new(Tag::new(1), 0, Ticks(0), 0), &largest::A { words });
    assert_eq!(cell.as_event().get::<largest::A>().unwrap().words[508], 508);
}

#[test]
fn issue_4579_a_payload_larger_than_the_cell_it_is_looked_for_in_is_not_there() {
    let small =
        <forty::Events as Family>::Cell::store(Header::new(Tag::new(1), 0, Ticks(0), 0), &forty::A { words: [1; 5] });
    assert!(small.as_event().get::<forty::A>().is_some());
    assert!(small.as_event().get::<forty_eight::A>().is_none(), "same tag, no room for it");
}
