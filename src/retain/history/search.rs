//! One query at work: where the span begins and ends that was asked for, then a walk through it, entry by entry or along a chain.
//!
//! Entry numbers, sequences and `high` all grow, so the span's ends are found by bisection whatever the publish times do: no entry before
//! the first whose `high` reaches a time was published at that time or later; and none from where `high` is past a time by more than any entry was
//! ever late was published before it. What cannot be copied has been overwritten, and so has all before it.

use super::coverage::Coverage;
use super::entry::{EntryOf, Kept};
use super::group::Group;
use super::query::Query;
use crate::event::{Family, StoreEvent};

/// Copies of the newest entry that may fail, each because the writer went through the whole ring meanwhile.
const TRIES: usize = 64;

/// A query over a group as it stood at one moment.
pub(super) struct Search<'a, F: Family> {
    group: &'a Group<F>,
    query: &'a Query,
    /// What was published before is too old.
    cutoff: u64,
    /// The first entry that the group's count lets in.
    floor: u64,
    /// Entries then.
    end: u64,
    newest: EntryOf<F>,
    looked: u64,
}

/// Where the span begins that was asked for.
struct Begin<F: Family> {
    /// Its first entry, or where all end.
    number: u64,
    entry: Option<EntryOf<F>>,
}

impl<'a, F: Family> Search<'a, F> {
    /// `None`: nothing was kept so far, or the writer went through the ring again and again; then the first says how many entries there were.
    pub(super) fn begin(group: &'a Group<F>, query: &'a Query) -> Result<Self, u64> {
        let mut end = 0;
        for looked in 1..=TRIES {
            end = group.trail.kept();
            let Some(last) = end.checked_sub(1) else { break };
            if let Some(newest) = group.trail.copy(last) {
                let (cutoff, floor) = (group.cutoff(), end.saturating_sub(group.count_max));
                return Ok(Self { group, query, cutoff, floor, end, newest, looked: looked as u64 });
            }
        }
        Err(end)
    }

    /// Finds what matches, and says what that covers.
    pub(super) fn run(mut self, out: &mut Vec<Kept<F>>) -> Coverage {
        let begin = self.find_begin();
        let mut covers = self.covers(&begin);
        let end = self.find_end(begin.number);
        match (self.query.newest, self.query.key) {
            (_, Some(key)) => self.along_chain(key, begin.number, end, &mut covers, out),
            (true, None) => self.backward(begin.number, end, &mut covers, out),
            (false, None) => self.forward(begin.number, end, &mut covers, out),
        }
        // A span that is empty from the start covers nothing.
        covers.next = covers.next.max(covers.from);
        covers.looked = self.looked;
        covers
    }

    fn copy(&mut self, number: u64) -> Option<EntryOf<F>> {
        self.looked += 1;
        self.group.trail.copy(number)
    }

    /// The first time that counts.
    fn begin_time(&self) -> u64 {
        self.query.from.max(self.cutoff)
    }

    /// Whether an entry, and so all behind it, is not before the span.
    fn has_begun(&self, entry: &EntryOf<F>) -> bool {
        entry.sequence >= self.query.since && entry.high() >= self.begin_time()
    }

    /// Whether an entry, and so all behind it, is past the span.
    fn is_past(&self, entry: &EntryOf<F>) -> bool {
        let late = self.query.to.is_some_and(|to| entry.high() >= to.saturating_add(self.newest.late_max));
        late || entry.sequence >= self.query.before
    }

    fn find_begin(&mut self) -> Begin<F> {
        let last = self.end - 1;
        if !self.has_begun(&self.newest) {
            return Begin { number: self.end, entry: None };
        }
        if let Some(entry) = self.copy(self.floor).filter(|entry| self.has_begun(entry)) {
            return Begin { number: self.floor, entry: Some(entry) };
        }
        let (mut low, mut begin) = (self.floor + 1, Begin { number: last, entry: Some(self.newest) });
        while low < begin.number {
            let middle = low + (begin.number - low) / 2;
            match self.copy(middle) {
                Some(entry) if self.has_begun(&entry) => begin = Begin { number: middle, entry: Some(entry) },
                _ => low = middle + 1,
            }
        }
        begin
    }

    /// The first entry past the span, from `begin` on.
    fn find_end(&mut self, begin: u64) -> u64 {
        if !self.is_past(&self.newest) {
            return self.end;
        }
        let (mut low, mut high) = (begin, (self.end - 1).max(begin));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.copy(middle) {
                Some(entry) if self.is_past(&entry) => high = middle,
                _ => low = middle + 1,
            }
        }
        low
    }

    /// What is covered where the walk from `begin` loses nothing.
    fn covers(&self, begin: &Begin<F>) -> Coverage {
        let query = self.query;
        let next = query.before.min(self.newest.sequence + 1);
        // What comes before `begin`: the sequence behind all of it, and its latest time.
        let (after, high) = match &begin.entry {
            Some(entry) => (entry.after, entry.high_before),
            None => (self.newest.sequence + 1, self.newest.high()),
        };
        let covers = Coverage { from: query.since, next, ..Coverage::default() };
        if after <= query.since || high < query.from {
            return covers;
        }
        let covers = Coverage { from: after, ..covers };
        if high < self.cutoff {
            return Coverage { forgotten: begin.number, ..covers };
        }
        Coverage { forgotten: self.floor, overwritten: begin.number - self.floor, ..covers }
    }

    /// Whether an entry is wanted. One that is and is too old, behind others that are not, is forgotten like all before them.
    fn takes(&self, entry: &EntryOf<F>, covers: &mut Coverage) -> bool {
        let (query, time, cell) = (self.query, entry.time(), entry.cell);
        let (key, tag, sequence) = (cell.as_event().key(), cell.as_event().tag(), entry.sequence);
        let is_wanted = query.key.is_none_or(|wanted| wanted == key)
            && query.tags.contains(tag)
            && (query.since..query.before).contains(&sequence)
            && time >= query.from
            && query.to.is_none_or(|to| time < to);
        let is_young = time >= self.cutoff;
        covers.forgotten += u64::from(is_wanted && !is_young);
        is_wanted && is_young
    }

    /// The last ones, from the end back.
    fn backward(&mut self, begin: u64, end: u64, covers: &mut Coverage, out: &mut Vec<Kept<F>>) {
        let (start, mut number, mut from) = (out.len(), end, covers.next);
        while number > begin && out.len() - start < self.query.limit {
            let Some(entry) = self.copy(number - 1) else {
                covers.overwritten += number - begin;
                covers.from = from.max(self.query.since);
                break;
            };
            number -= 1;
            from = entry.after;
            if self.takes(&entry, covers) {
                out.push(Kept::of(&entry));
            }
        }
        self.end_at_limit(number > begin, &out[start..], covers);
        out[start..].reverse();
    }

    /// Where there are as many as were asked for, found from the newest back, whatever comes before them does not matter.
    fn end_at_limit(&self, is_early: bool, found: &[Kept<F>], covers: &mut Coverage) {
        if found.len() == self.query.limit && (is_early || !covers.is_complete()) {
            let from = found.last().map_or(covers.next, Kept::sequence);
            *covers = Coverage { from, more: true, forgotten: 0, overwritten: 0, ..*covers };
        }
    }

    /// The first ones, from the beginning on. Ends where the writer has come by meanwhile, so that an answer has no gap in it.
    fn forward(&mut self, begin: u64, end: u64, covers: &mut Coverage, out: &mut Vec<Kept<F>>) {
        let (start, mut number, mut next, mut lost) = (out.len(), begin, covers.from, false);
        while number < end {
            if out.len() - start == self.query.limit {
                (covers.next, covers.more) = (next, true);
                return;
            }
            if let Some(entry) = self.copy(number) {
                if lost {
                    (covers.from, lost) = (self.query.since.max(entry.after), false);
                }
                if self.takes(&entry, covers) {
                    out.push(Kept::of(&entry));
                }
                (number, next) = (number + 1, entry.sequence + 1);
            } else if out.len() > start {
                (covers.next, covers.more) = (next, true);
                return;
            } else {
                let there = self.group.trail.oldest().clamp(number + 1, end);
                covers.overwritten += there - number;
                (number, lost) = (there, true);
            }
        }
        if lost {
            covers.from = covers.next;
        }
    }

    /// Those of a key, along its chain from the newest back. The first ones are the last that it comes by.
    fn along_chain(&mut self, key: u32, begin: u64, end: u64, covers: &mut Coverage, out: &mut Vec<Kept<F>>) {
        let (start, limit, newest) = (out.len(), self.query.limit, self.query.newest);
        let (mut found, mut from) = (0, covers.next);
        let mut link = self.group.trail.head(self.group.chain_of(key));
        while link > begin && !(newest && found == limit) {
            let number = link - 1;
            let Some(entry) = self.copy(number) else {
                covers.overwritten += link.min(end).saturating_sub(begin);
                covers.from = from.max(self.query.since);
                break;
            };
            debug_assert!({ entry.link } < link, "a chain goes back");
            link = entry.link;
            if number >= end {
                continue;
            }
            from = entry.sequence;
            if self.takes(&entry, covers) {
                match found < limit {
                    true => out.push(Kept::of(&entry)),
                    false if limit > 0 => out[start + found % limit] = Kept::of(&entry),
                    false => {}
                }
                found += 1;
            }
        }
        let answer = &mut out[start..];
        if newest {
            self.end_at_limit(link > begin, answer, covers);
        } else if found > limit {
            // The place that would be written next holds the newest of those that are left.
            answer.rotate_left(found.checked_rem(limit).unwrap_or(0));
            (covers.more, covers.next) = (true, answer.first().map_or(covers.from, |last| last.sequence() + 1));
        }
        answer.reverse();
    }
}

#[cfg(test)]
mod tests {
    #![allow(dead_code, unreachable_pub, reason = "`events!` declares for users")]

    use super::*;
    use crate::bus::{Bus, LocalSlot, Publisher};
    use crate::retain::{History, HistoryKeeper, HistoryReader, Keep};

    crate::events! {
        /// Events of these tests.
        pub mod market;
        pub struct Trade = 1, v1 { pub number: u64 }
    }
    use market::{Events, Trade};

    struct House {
        feed: Publisher<Events>,
        slot: LocalSlot<HistoryKeeper<Events>>,
        reader: HistoryReader<Events>,
    }

    impl House {
        fn publish(&mut self, count: u64) {
            for _ in 0..count {
                let number = self.feed.position();
                assert!(self.feed.try_publish(7, &Trade { number }).is_ok());
                while self.slot.turn() {}
            }
        }
    }

    /// A search that began when 36 to 99 were there, once 20 more have been published: 36 to 55 are overwritten.
    fn overtaken(
        query: &Query,
        work: impl FnOnce(Search<'_, Events>, &mut Vec<Kept<Events>>) -> Coverage,
    ) -> (Vec<u64>, Coverage) {
        let (bus, feed) = Bus::<Events>::builder("md").capacity(64).single().unwrap();
        let (history, keeper) = History::builder(&bus).group("all", Keep::last(64)).build().unwrap();
        let slot = bus.slot("history").attach_here(keeper).unwrap();
        let mut house = House { feed, slot, reader: history.reader("all").unwrap() };
        house.publish(100);
        let reader = house.reader.clone();
        let Ok(search) = Search::begin(&reader.group, query) else { panic!("the newest entry is there") };
        house.publish(20);
        let mut out = Vec::new();
        let coverage = work(search, &mut out);
        (out.iter().map(Kept::sequence).collect(), coverage)
    }

    #[test]
    fn issue_4537_what_was_overwritten_before_the_search_came_to_it_is_counted() {
        for query in [Query::last(100), Query::first(100), Query::last(100).key(7), Query::first(100).key(7)] {
            let (found, coverage) = overtaken(&query, |search, out| search.run(out));
            assert_eq!(found, (56..100).collect::<Vec<_>>());
            assert_eq!((coverage.from, coverage.next, coverage.more), (56, 100, false));
            assert_eq!((coverage.forgotten, coverage.overwritten), (36, 20));
        }
        // What a query has no use for is not missed.
        for query in [Query::last(5), Query::first(100).since(60), Query::last(44), Query::last(5).key(7)] {
            let (found, coverage) = overtaken(&query, |search, out| search.run(out));
            assert!(coverage.is_complete(), "{coverage:?}");
            assert_eq!(found.last(), Some(&99));
        }
    }

    #[test]
    fn issue_4537_what_is_overwritten_under_a_walk_is_counted() {
        let whole = Coverage { next: 100, ..Coverage::default() };
        let (any, of_key) = (Query::first(100), Query::last(100).key(7));
        let walked = |query: &Query, walk: fn(&mut Search<'_, Events>, &mut Coverage, &mut Vec<Kept<Events>>)| {
            overtaken(query, |mut search, out| {
                let mut covers = whole;
                walk(&mut search, &mut covers, out);
                covers
            })
        };
        let (found, covers) = walked(&any, |search, covers, out| search.forward(36, 100, covers, out));
        // The one that is written over next is left out too.
        assert_eq!((found, covers.from, covers.overwritten), ((57..100).collect(), 57, 21));
        let (found, covers) = walked(&any, |search, covers, out| search.backward(36, 100, covers, out));
        assert_eq!((found, covers.from, covers.overwritten), ((56..100).collect(), 56, 20));
        let (found, covers) = walked(&of_key, |search, covers, out| search.along_chain(7, 36, 100, covers, out));
        assert_eq!((found, covers.from, covers.overwritten), ((56..100).collect(), 56, 20));
        let (found, covers) = walked(&any, |search, covers, out| search.forward(36, 50, covers, out));
        assert_eq!((found, covers.from, covers.overwritten), (vec![], 100, 14), "all of it is gone");
    }
}
