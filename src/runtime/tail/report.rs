//! The account of slow events: of each slot how many there were, from when on, where their time went, and the latest of them.

use super::finding::{Absence, Explained};
use super::watch::SlotBook;
use crate::bus::{Band, Name, Parts, SlotTail, SlotView, TailCause};
use crate::event::Tag;
use crate::runtime::hosted_bus::AnyBus;
use core::fmt;

/// Shares of the slowest events that are told of, in parts of a million: p99, p99.9, p99.99, p99.999.
const SHARES_PPM: [u64; 4] = [10_000, 1_000, 100, 10];
/// Causes below this share of the time are not told in a line.
const LEAST: f64 = 0.005;

/// Slow events of all slots of a runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailReport {
    /// Slots that record slow events, by bus and in the order of their attachment.
    pub slots: Vec<SlotTailReport>,
}

/// Slow events of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTailReport {
    /// Its bus.
    pub bus: Name,
    /// The slot.
    pub slot: Name,
    /// Events measured so far.
    pub measured: u64,
    /// What the slot itself recorded.
    pub tail: SlotTail,
    /// Outliers that were held against the kernel's counters, and those that were overwritten before somebody looked.
    pub examined: u64,
    /// See [`Self::examined`].
    pub missed: u64,
    /// All examined ones by size, with what the kernel added; bands without any are left out.
    pub bands: Vec<Band>,
    /// Why threads were not at their work: outliers, and nanoseconds of their largest cause.
    pub absences: Vec<(Absence, u64, u64)>,
    /// Time in the handler by tag, the most first.
    pub tags: Vec<TagTail>,
    /// The latest ones with what the kernel added, where it was asked by now; oldest first.
    pub latest: Vec<Explained>,
}

/// Slow events of one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagTail {
    /// The tag.
    pub tag: Tag,
    /// Its event's name.
    pub name: Option<&'static str>,
    /// Outliers that the handler had most of the time of.
    pub outliers: u64,
    /// Nanoseconds in the handler, of all outliers of the tag.
    pub handler_ns: u64,
}

/// The slowest events of a slot together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slowest {
    /// The share asked for, in parts of a million of the events measured.
    pub ppm: u64,
    /// How many they are: of events about as slow as the last of them all are counted.
    pub events: u64,
    /// They took at least about so long.
    pub from_ns: u64,
    /// Where their time went.
    pub parts: Parts,
}

impl SlotTailReport {
    pub(super) fn of(bus: &dyn AnyBus, slot: Name, view: &SlotView, book: SlotBook) -> Self {
        let tail = view.tail();
        let mut tags: Vec<_> = book
            .handlers
            .iter()
            .map(|(&tag, &(outliers, handler_ns))| TagTail { tag, name: bus.event_name(tag), outliers, handler_ns })
            .collect();
        tags.sort_by_key(|tag| core::cmp::Reverse(tag.handler_ns));
        Self {
            bus: bus.name(),
            slot,
            measured: view.latencies_in_all().age.count(),
            examined: book.examined,
            missed: book.missed,
            bands: book.bands(),
            absences: book.absences.iter().map(|(&absence, &(count, ns))| (absence, count, ns)).collect(),
            tags,
            latest: with_new(book.latest.into(), &tail, book.examined + book.missed),
            tail,
        }
    }

    /// Of the slowest `ppm` parts of a million of all events measured, where the time went; `None` where the slowest of them are no outliers.
    /// What the kernel adds is in it unless outliers came faster than they could be looked at.
    #[must_use]
    pub fn slowest(&self, ppm: u64) -> Option<Slowest> {
        let whole = self.missed == 0 && self.examined == self.tail.count;
        let bands = if whole { &self.bands } else { &self.tail.bands };
        let wanted = (u128::from(self.measured) * u128::from(ppm) / 1_000_000) as u64;
        let mut slowest = Slowest { ppm, events: 0, from_ns: 0, parts: Parts::default() };
        for band in bands.iter().rev() {
            slowest.events += band.events;
            slowest.from_ns = band.from_ns;
            slowest.parts = slowest.parts.plus(&band.parts);
            if slowest.events >= wanted.max(1) {
                return Some(slowest);
            }
        }
        None
    }

    /// The account of several shares, from p99 on, each only where it is made of ten events or more and there are that many outliers.
    #[must_use]
    pub fn percentiles(&self) -> Vec<Slowest> {
        let enough = |ppm: &u64| u128::from(self.measured) * u128::from(*ppm) >= 10_000_000;
        SHARES_PPM.into_iter().filter(enough).filter_map(|ppm| self.slowest(ppm)).collect()
    }

    /// One cause in words: with the tag that it is mostly about, or why the thread was away.
    fn words(&self, cause: TailCause, share: f64) -> String {
        let percent = format!("{:.0} % {cause}", share * 100.0);
        match cause {
            TailCause::Handler => match self.tags.first().and_then(|tag| tag.name) {
                Some(tag) => format!("{percent} `{}`, most on tag {tag}", self.slot),
                None => percent,
            },
            TailCause::Platform => {
                let forced = self.absences.iter().filter(|(absence, ..)| *absence != Absence::Blocked);
                match forced.max_by_key(|(_, _, ns)| *ns) {
                    Some((absence, ..)) => format!("{percent} (most: {absence})"),
                    None => percent,
                }
            }
            _ => percent,
        }
    }

    /// Shares of a time in words, the largest first.
    #[must_use]
    pub fn shares(&self, parts: &Parts) -> String {
        let some = parts.shares().into_iter().filter(|&(_, share)| share >= LEAST);
        let words: Vec<_> = some.map(|(cause, share)| self.words(cause, share)).collect();
        words.join(", ")
    }
}

/// Those looked at, and behind them those that came since, in the slot's own words.
fn with_new(mut explained: Vec<Explained>, tail: &SlotTail, seen: u64) -> Vec<Explained> {
    let new = tail.latest.iter().filter(|outlier| outlier.number >= seen).cloned();
    explained.extend(new.map(|outlier| Explained { outlier, absence: None }));
    explained
}

/// `p99.9` of the slowest 1,000 in a million.
fn percentile(ppm: u64) -> String {
    format!("p{}", 100.0 - ppm as f64 / 10_000.0)
}

impl fmt::Display for SlotTailReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bus, slot, measured, tail, .. } = self;
        match tail.threshold {
            Some(over) => {
                write!(f, "{bus}.{slot}: {} slow events recorded of {measured}; now those over {over:?}", tail.count)?;
            }
            None => write!(f, "{bus}.{slot}: no threshold yet after {measured} events")?,
        }
        for slowest in self.percentiles() {
            write!(f, "\n  {}: {}", percentile(slowest.ppm), self.shares(&slowest.parts))?;
        }
        Ok(())
    }
}

impl fmt::Display for TailReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, slot) in self.slots.iter().enumerate() {
            write!(f, "{}{slot}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(measured: u64, bands: &[(u64, u64, TailCause)]) -> SlotTailReport {
        let band = |&(from_ns, events, cause): &(u64, u64, TailCause)| {
            let mut parts = Parts::default();
            parts[cause] = events * from_ns;
            Band { from_ns, events, parts }
        };
        let bands: Vec<_> = bands.iter().map(band).collect();
        let count = bands.iter().map(|band| band.events).sum();
        SlotTailReport {
            bus: Name::new("md"),
            slot: Name::new("book"),
            measured,
            tail: SlotTail { count, bands: bands.clone(), ..SlotTail::default() },
            examined: count,
            missed: 0,
            bands,
            absences: vec![(Absence::Preempted, 3, 900)],
            tags: vec![TagTail { tag: Tag::new(3), name: Some("Replace"), outliers: 2, handler_ns: 9 }],
            latest: Vec::new(),
        }
    }

    #[test]
    fn the_slowest_are_taken_from_the_top_until_there_are_enough() {
        let report = report(100_000, &[(1_000, 400, TailCause::Handler), (4_000, 60, TailCause::Platform)]);
        let slowest = report.slowest(100).unwrap();
        assert_eq!((slowest.events, slowest.from_ns, slowest.parts.total()), (60, 4_000, 240_000));
        let slowest = report.slowest(1_000).unwrap();
        assert_eq!((slowest.events, slowest.from_ns, slowest.parts.total()), (460, 1_000, 640_000));
        assert_eq!(report.slowest(10_000), None, "a thousand events, and only 460 were slow");
        assert_eq!(
            report.shares(&slowest.parts),
            "62 % handler `book`, most on tag Replace, 38 % platform (most: preempted)"
        );
        assert_eq!(percentile(10), "p99.999");
    }

    #[test]
    fn outliers_that_nobody_looked_at_are_not_left_out() {
        let mut report = report(1_000, &[(1_000, 5, TailCause::Queue)]);
        (report.bands, report.missed) = (Vec::new(), 5);
        assert_eq!(report.slowest(1_000).unwrap().events, 5);
    }
}
