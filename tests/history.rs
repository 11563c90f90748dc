//! The history of a bus: every query against a plain list, what its answers cover, its bounds by count and age, its counts, what it refuses.

use proptest::prelude::*;
use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, LocalSlot, Outcome, Publisher};
use tagring::clock::{Clock, ManualHand, Ticks};
use tagring::event::{Event, Payload, Tag, TagSet};
use tagring::retain::{Coverage, DeadLetters, History, HistoryKeeper, HistoryReader, HistoryStats, Keep, Kept, Query};
use tagring::tags;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub number: u64 }
    pub struct Quote = 2, v1 { pub number: u64, pub wide: [u64; 4] }
}
tagring::events! {
    /// A family with larger cells.
    pub mod wide;
    pub struct Page = 1, v1 { pub words: [u64; 20] }
}
use market::{Events, Quote, Trade};

/// A bus whose clock is set by hand, and a history of it on this thread.
struct House {
    hand: ManualHand,
    clock: Clock,
    feed: Publisher<Events>,
    slot: LocalSlot<HistoryKeeper<Events>>,
    history: History<Events>,
}

impl House {
    fn new(groups: &[(&str, Keep)]) -> Self {
        let (clock, hand) = Clock::manual(1_000);
        let (bus, feed) = Bus::<Events>::builder("md").capacity(64).clock(clock.clone()).single().unwrap();
        let builder = groups.iter().fold(History::builder(&bus), |builder, (name, keep)| builder.group(name, *keep));
        let (history, keeper) = builder.build().unwrap();
        let slot = bus.slot("history").tags(keeper.tags()).attach_here(keeper).unwrap();
        Self { hand, clock, feed, slot, history }
    }

    fn one(keep: Keep) -> (Self, HistoryReader<Events>) {
        let house = Self::new(&[("all", keep)]);
        let reader = house.history.reader("all").unwrap();
        (house, reader)
    }

    fn publish(&mut self, key: u32, is_quote: bool) {
        let number = self.feed.position();
        let published = match is_quote {
            true => self.feed.try_publish(key, &Quote { number, wide: [number; 4] }),
            false => self.feed.try_publish(key, &Trade { number }),
        };
        assert!(published.is_ok(), "the slot empties the ring");
        while self.slot.turn() {}
    }
}

fn ask(reader: &HistoryReader<Events>, query: &Query) -> (Vec<u64>, Coverage) {
    let mut out: Vec<Kept<Events>> = Vec::new();
    let coverage = reader.read(query, &mut out);
    (out.iter().map(Kept::sequence).collect(), coverage)
}

/// An event as the plain list has it.
#[derive(Clone, Copy, Debug)]
struct Plain {
    sequence: u64,
    key: u32,
    tag: Tag,
    time: u64,
}

/// A question, in plain parts.
#[derive(Clone, Debug)]
struct Asked {
    limit: usize,
    newest: bool,
    key: Option<u32>,
    tags: Option<bool>,
    since: Option<u64>,
    before: Option<u64>,
    span: Option<(u64, u64)>,
}

impl Asked {
    fn query(&self) -> Query {
        let mut query = if self.newest { Query::last(self.limit) } else { Query::first(self.limit) };
        query = self.key.map_or(query, |key| query.key(key));
        query = self.tags.map_or(query, |quotes| query.tags(if quotes { tags![Quote] } else { tags![Trade] }));
        query = self.since.map_or(query, |since| query.since(since));
        query = self.before.map_or(query, |before| query.before(before));
        self.span.map_or(query, |(from, to)| query.between(Ticks(from), Ticks(to)))
    }

    fn meets(&self, event: &Plain) -> bool {
        self.key.is_none_or(|key| event.key == key)
            && self.tags.is_none_or(|quotes| event.tag == if quotes { Quote::TAG } else { Trade::TAG })
            && self.since.is_none_or(|since| event.sequence >= since)
            && self.before.is_none_or(|before| event.sequence < before)
            && self.span.is_none_or(|(from, to)| (from..to).contains(&event.time))
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let maybe_key = proptest::option::of(0_u32..5);
    let maybe = |top: u64| proptest::option::of(0..top);
    let span = proptest::option::of((500_u64..6_000, 500_u64..6_000));
    let limit = prop_oneof![4 => 0_usize..40, 1 => Just(1_000_usize)];
    (limit, any::<bool>(), maybe_key, proptest::option::of(any::<bool>()), maybe(320), maybe(320), span).prop_map(
        |(limit, newest, key, tags, since, before, span)| Asked { limit, newest, key, tags, since, before, span },
    )
}

/// What is published: key, kind, and how far the clock moves before, sometimes back.
fn published() -> impl Strategy<Value = (u32, bool, i64)> {
    (0_u32..5, any::<bool>(), prop_oneof![8 => 0_i64..40, 1 => -200_i64..0])
}

proptest! {
    #[test]
    fn issue_4537_every_query_answers_as_a_plain_list_does(
        all in proptest::collection::vec(published(), 0..300),
        asked in proptest::collection::vec(asked(), 1..12),
        count in prop_oneof![1_usize..100, Just(64), Just(128), Just(256)],
        age in proptest::option::of(1_u64..3_000),
        quotes_only in any::<bool>(),
    ) {
        let tags = if quotes_only { tags![Quote] } else { TagSet::ALL };
        let keep = Keep::last(count).tags(tags);
        let (mut house, reader) = House::one(age.map_or(keep, |age| keep.within(Duration::from_nanos(age))));
        let mut list = Vec::new();
        for (sequence, (key, is_quote, move_ns)) in (0..).zip(all) {
            house.hand.jump_ns(move_ns);
            house.publish(key, is_quote);
            let tag = if is_quote { Quote::TAG } else { Trade::TAG };
            if tags.contains(tag) {
                list.push(Plain { sequence, key, tag, time: house.clock.now().0 });
            }
        }
        let cutoff = age.map_or(0, |age| house.clock.now().0 - age.min(house.clock.now().0));
        for asked in asked {
            check(&reader, &list, count, cutoff, &asked)?;
        }
        counts_add_up(&reader, &list, count, cutoff)?;
    }
}

fn check(
    reader: &HistoryReader<Events>,
    list: &[Plain],
    count: usize,
    cutoff: u64,
    asked: &Asked,
) -> Result<(), TestCaseError> {
    let mut out = Vec::new();
    let coverage = reader.read(&asked.query(), &mut out);
    let first = list.len().saturating_sub(count);
    let held = || list[first..].iter().filter(|event| event.time >= cutoff);
    let matching: Vec<_> = held().filter(|event| asked.meets(event)).collect();
    let skipped = if asked.newest { matching.len().saturating_sub(asked.limit) } else { 0 };
    let expected: Vec<_> = matching.iter().skip(skipped).take(asked.limit).collect();
    prop_assert_eq!(out.len(), expected.len(), "{:?} {:?}", asked, coverage);
    for (kept, plain) in out.iter().zip(&expected) {
        let event = kept.event();
        prop_assert_eq!((kept.sequence(), event.key(), event.tag()), (plain.sequence, plain.key, plain.tag));
        prop_assert_eq!(kept.time().0, plain.time);
        let number = event.get::<Trade>().map(|trade| trade.number).or(event.get::<Quote>().map(|quote| quote.wide[3]));
        prop_assert_eq!(number, Some(plain.sequence), "its payload is its own");
    }
    // All of it, and nothing else, is where the answer says that it covers.
    let covered = matching.iter().filter(|event| (coverage.from..coverage.next).contains(&event.sequence)).count();
    prop_assert_eq!(covered, out.len(), "{:?} {:?}", asked, coverage);
    prop_assert_eq!(coverage.overwritten, 0, "nobody writes meanwhile");
    prop_assert!(!coverage.more || out.len() == asked.limit);
    prop_assert!(coverage.more || out.len() == matching.len());
    prop_assert_eq!(
        coverage.is_complete(),
        is_complete(list, first, cutoff, asked, out.len()),
        "{:?} {:?}",
        asked,
        coverage
    );
    Ok(())
}

/// Whether nothing that the group has let go might be missing in the answer.
fn is_complete(list: &[Plain], first: usize, cutoff: u64, asked: &Asked, found: usize) -> bool {
    if asked.newest && found == asked.limit {
        return true;
    }
    // What went for its number, or is too old with all before it; and what is too old by itself.
    let young = list.iter().position(|event| event.time >= cutoff).unwrap_or(list.len());
    let gone = first.max(young);
    let ruled_out = |event: &Plain| {
        asked.since.is_some_and(|since| event.sequence < since) || asked.span.is_some_and(|(from, _)| event.time < from)
    };
    let latest = list[..gone].iter().map(|event| event.time).max().unwrap_or(0);
    let before = list[..gone].last().map(|event| Plain { time: latest, ..*event });
    let mut too_old: Vec<_> = list[gone..].iter().filter(|event| event.time < cutoff && asked.meets(event)).collect();
    if !asked.newest && asked.key.is_none() && found == asked.limit {
        // It ended behind the last one that it found: what comes after was not looked at.
        let matching = list[first..].iter().filter(|event| event.time >= cutoff && asked.meets(event));
        let last = matching.take(found).last().map_or(0, |event| event.sequence);
        too_old.retain(|event| found > 0 && event.sequence < last);
    }
    before.is_none_or(|before| ruled_out(&before)) && too_old.is_empty()
}

fn counts_add_up(
    reader: &HistoryReader<Events>,
    list: &[Plain],
    count: usize,
    cutoff: u64,
) -> Result<(), TestCaseError> {
    let HistoryStats { kept, held, overwritten, aged } = reader.stats();
    prop_assert_eq!(kept, list.len() as u64);
    prop_assert_eq!(kept, held + overwritten + aged);
    prop_assert!(held <= count as u64);
    let young = list.iter().position(|event| event.time >= cutoff).unwrap_or(list.len());
    let floor = young.max(list.len().saturating_sub(count)) as u64;
    // A clock that went back makes young again what was counted as too old before.
    prop_assert!(kept - held >= floor);
    Ok(())
}

#[test]
fn issue_4537_an_answer_says_what_is_no_longer_there() {
    let (mut house, reader) = House::one(Keep::last(10));
    let empty = ask(&reader, &Query::last(5));
    assert_eq!((empty.0.len(), empty.1.is_complete()), (0, true), "nothing was kept, nothing is missing");
    (0..25).for_each(|i| house.publish(i % 3, false));
    // 15 to 24 are there.
    let (last, coverage) = ask(&reader, &Query::last(3));
    assert_eq!((last, coverage.from, coverage.next), (vec![22, 23, 24], 22, 25));
    assert!(coverage.is_complete() && coverage.more);
    let (since, coverage) = ask(&reader, &Query::first(100).since(20));
    assert_eq!((since, coverage.from, coverage.next), ((20..25).collect(), 20, 25));
    assert!(coverage.is_complete() && !coverage.more);
    let (exact, coverage) = ask(&reader, &Query::first(100).since(15));
    assert_eq!((exact.len(), coverage.is_complete()), (10, true), "the last one that went is before it");
    let (older, coverage) = ask(&reader, &Query::first(100).since(14));
    assert_eq!((older.len(), coverage.from, coverage.forgotten), (10, 15, 15));
    let (of_key, coverage) = ask(&reader, &Query::last(100).key(1));
    assert_eq!((of_key, coverage.forgotten), (vec![16, 19, 22], 15));
    let (two, coverage) = ask(&reader, &Query::last(2).key(1).before(22));
    assert_eq!((two, coverage.is_complete(), coverage.next), (vec![16, 19], true, 22));
}

#[test]
fn issue_4537_pages_follow_one_another_without_a_gap_or_a_repetition() {
    let (mut house, reader) = House::one(Keep::last(1_000));
    (0..700).for_each(|i| house.publish(i % 7, i % 2 == 0));
    let conditions: [fn(Query) -> Query; 3] = [|all| all, |all| all.key(3), |all| all.tags(tags![Quote])];
    for condition in conditions {
        let (mut pages, mut since) = (Vec::new(), 0);
        loop {
            let (page, coverage) = ask(&reader, &condition(Query::first(9)).since(since));
            assert!(coverage.is_complete() && coverage.from == since, "{coverage:?}");
            pages.extend(page);
            since = coverage.next;
            if !coverage.more {
                break;
            }
        }
        assert_eq!(pages, ask(&reader, &condition(Query::last(1_000))).0);
        assert!(pages.is_sorted() && pages.len() >= 100);
    }
}

#[test]
fn issue_4537_a_key_costs_its_own_entries_and_not_the_ring() {
    let (mut house, reader) = House::one(Keep::last(50_000));
    (0..20_000_u32).for_each(|i| house.publish(i % 1_000, false));
    let (found, coverage) = ask(&reader, &Query::last(5).key(77));
    assert_eq!(found, [15_077, 16_077, 17_077, 18_077, 19_077]);
    assert!(coverage.looked <= 10, "{coverage:?}: 1,000 keys in 65,536 chains meet in few");
    let (found, coverage) = ask(&reader, &Query::first(3).key(77).since(10_000));
    assert_eq!(found, [10_077, 11_077, 12_077]);
    assert!(coverage.looked <= 60, "{coverage:?}: its own, and a bisection");
}

#[test]
fn issue_4537_what_is_too_old_is_not_found_and_is_counted() {
    let (mut house, reader) = House::one(Keep::last(100).within(Duration::from_nanos(50)));
    for i in 0..20 {
        house.hand.advance_ns(10);
        house.publish(i, false);
    }
    // The last was published now; five before it are 50 old or less.
    let (found, coverage) = ask(&reader, &Query::last(100));
    assert_eq!((found, coverage.from, coverage.forgotten), ((14..20).collect(), 14, 14));
    assert_eq!(reader.stats(), HistoryStats { kept: 20, held: 6, overwritten: 0, aged: 14 });
    // Nobody writes: the reader's clock alone tells.
    house.hand.advance_ns(30);
    assert_eq!(ask(&reader, &Query::last(100)).0, [17, 18, 19]);
    assert_eq!(reader.stats(), HistoryStats { kept: 20, held: 3, overwritten: 0, aged: 17 });
    house.hand.advance_ns(1_000);
    let (found, coverage) = ask(&reader, &Query::last(100).key(3));
    assert_eq!((found.len(), coverage.forgotten, coverage.from), (0, 20, 20));
    assert_eq!(reader.stats(), HistoryStats { kept: 20, held: 0, overwritten: 0, aged: 20 });
}

#[test]
fn issue_4537_groups_keep_their_own_tags_and_bounds() {
    let groups = [("quotes", Keep::last(5).tags(tags![Quote])), ("trades", Keep::last(50).tags(tags![Trade]))];
    let mut house = House::new(&groups);
    // Quotes flood; the trades stay.
    house.publish(1, false);
    (0..40).for_each(|_| house.publish(1, true));
    let counts: Vec<_> = house.history.readers().map(|reader| (reader.name().to_string(), reader.stats())).collect();
    let quotes = HistoryStats { kept: 40, held: 5, overwritten: 35, aged: 0 };
    let trades = HistoryStats { kept: 1, held: 1, overwritten: 0, aged: 0 };
    assert_eq!(counts, [("quotes".to_owned(), quotes), ("trades".to_owned(), trades)]);
    assert_eq!(ask(&house.history.reader("trades").unwrap(), &Query::last(9)).0, [0]);
    let quotes = house.history.reader("quotes").unwrap();
    assert_eq!((quotes.tags(), quotes.count_max(), quotes.age_max()), (tags![Quote], 5, None));
}

#[test]
fn issue_4537_times_that_go_back_are_found_all_the_same() {
    let (mut house, reader) = House::one(Keep::last(100));
    for time in [100, 200, 150, 300, 120, 400] {
        house.hand.set_ns(time);
        house.publish(0, false);
    }
    let between = |from, to| ask(&reader, &Query::last(9).between(Ticks(from), Ticks(to))).0;
    assert_eq!(between(110, 160), [2, 4]);
    assert_eq!(between(300, 401), [3, 5]);
    assert_eq!(between(0, 100), [0_u64; 0]);
    assert_eq!(between(160, 110), [0_u64; 0], "ends before it begins");
}

/// Refuses each event once.
struct Second;
impl Handler for Second {
    fn on_event(&mut self, _: &Event, ctx: &mut Context) -> Outcome {
        if ctx.attempt() > 1 { Outcome::Done } else { Outcome::Dead }
    }
}

#[test]
fn issue_4537_a_keeper_shares_a_slot_and_keeps_a_letter_that_comes_back_once() {
    let (bus, mut feed) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let letters = DeadLetters::new(&bus, 100).unwrap();
    let (history, keeper) = History::builder(&bus).group("all", Keep::last(100)).build().unwrap();
    let mut slot = bus.slot("both").dead_letters(&letters).attach_here((keeper, Second)).unwrap();
    (0..3).for_each(|number| assert!(feed.try_publish(7, &Trade { number }).is_ok()));
    while slot.turn() {}
    letters.redeliver(slot.handle(), 10, Duration::ZERO, |_| true).unwrap();
    while slot.turn() {}
    assert_eq!((letters.len(), slot.handle().stats().redelivered), (0, 3));
    assert_eq!(ask(&history.reader("all").unwrap(), &Query::last(9)).0, [0, 1, 2]);
}

#[test]
fn issue_4537_a_keeper_on_a_bus_of_other_cells_refuses_its_events() {
    let (bus, _feed) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let (history, keeper) = History::builder(&bus).group("all", Keep::last(100)).build().unwrap();
    let (other, mut feed) = Bus::<wide::Events>::builder("other").capacity(64).single().unwrap();
    let mut slot = other.slot("history").attach_here(keeper).unwrap();
    feed.try_publish(1, &wide::Page { words: [1; 20] }).unwrap();
    while slot.turn() {}
    assert_eq!((slot.handle().stats().dead, history.reader("all").unwrap().stats().kept), (1, 0));
}

#[test]
fn issue_4537_what_cannot_be_kept_is_refused_with_a_code() {
    let (bus, _feed) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
    let build = |groups: &[(&str, Keep)]| {
        let builder = groups.iter().fold(History::builder(&bus), |builder, (name, keep)| builder.group(name, *keep));
        builder.build().err().map(|error| (error.code(), error.to_string()))
    };
    let text = |groups: &[(&str, Keep)]| build(groups).map(|(_, text)| text).unwrap_or_default();
    let nothing = "history a of bus md: 0 events; 1 to 268435456 can be kept, choose within that [TR-0970]";
    assert_eq!(text(&[("a", Keep::last(0))]), nothing);
    for (groups, code) in [
        (&[("a", Keep::last(usize::MAX))][..], "TR-0970"),
        (&[("a", Keep::last((1 << 28) + 1))], "TR-0970"),
        (&[("a", Keep::last(1)), ("a", Keep::last(2))], "TR-0971"),
        (&[("a", Keep::last(1).tags(TagSet::of(&[Tag::new(900)])))], "TR-0973"),
        (&[("a", Keep::last(1).within(Duration::ZERO))], "TR-0974"),
        (&[], "TR-0975"),
    ] {
        assert_eq!(build(groups).map(|(code, _)| code), Some(code));
        assert!(text(groups).ends_with(&format!("[{code}]")), "{}", text(groups));
    }
    let (history, _keeper) =
        History::builder(&bus).group("a", Keep::last(1)).group("b", Keep::last(1)).build().unwrap();
    let unknown = history.reader("c").err().unwrap();
    let said =
        "no history `c` of bus md; there are a, b: use one of these, or add it where the history is built [TR-0972]";
    assert_eq!((unknown.code(), unknown.to_string().as_str()), ("TR-0972", said));
}

#[test]
fn issue_4537_memory_is_as_the_arithmetic_says() {
    // Cells of one line become two; 8 bytes for each chain.
    assert_eq!(Keep::last(1_000).memory_bytes::<Events>(), 1_024 * 128 + 1_024 * 8);
    assert_eq!(Keep::last(1).memory_bytes::<Events>(), 64 * 128 + 64 * 8);
    assert_eq!(Keep::last(1 << 20).memory_bytes::<Events>(), (1 << 20) * 128 + (1 << 16) * 8);
    assert_eq!(Keep::last(64).memory_bytes::<wide::Events>(), 64 * 256 + 64 * 8);
}
