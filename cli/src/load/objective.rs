//! What is asked of a load, `book:p99.9 < 50us`, and whether a stage held it: a pure judgement of what was counted. A stage also fails where events
//! were lost, where a slot ended, or where the load asked for was not there: then it says who fell short, the bus or the generator.

use super::generator::Blame;
use super::named::precision;
use super::quantity::{self, shown_ns, shown_rate};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use tagring::bus::SlotState;
use tagring::counters::HistogramSnapshot;

/// A generator that falls short of its rate by more than this brought another load than asked for.
const SHORT: f64 = 0.01;
/// Events beyond a percentile that it must rest on at least.
const BEYOND: f64 = 10.0;

/// A percentile and its limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objective {
    /// Slots that it is about: `book`, `md.book`, `*`.
    pub(super) slot: String,
    /// As it was typed: `p99.9`, `max`.
    pub(super) percentile: String,
    pub(super) q: f64,
    pub(super) limit: Duration,
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (left, limit) = text.split_once('<')?;
            let limit = quantity::span(limit.trim_start_matches('=').trim()).ok()?;
            let (slot, percentile) = left.split_once(':').unwrap_or(("*", left));
            let percentile = percentile.trim().to_owned();
            let q = match percentile.as_str() {
                "max" => 1.0,
                name => {
                    name.strip_prefix('p')?.parse::<f64>().ok().filter(|percent| (1.0..100.0).contains(percent))?
                        / 100.0
                }
            };
            let slot = slot.trim().to_owned();
            (!slot.is_empty()).then_some(Self { slot, percentile, q, limit })
        };
        read().ok_or_else(|| {
            format!(
                "TR-3024: `{text}` is no objective; give a percentile from p1 to below p100, or max, and the time it is to be below, with a \
                 slot before it where not all are meant: 'p99.9 < 50us', 'md.book:p99 < 1ms'"
            )
        })
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} < {}", self.percentile, shown_ns(self.limit.as_nanos() as u64))?;
        if self.slot == "*" { f.write_str(" on every slot") } else { write!(f, " on slot {}", self.slot) }
    }
}

impl Objective {
    /// Events of a slot that the percentile needs, to rest on more than a few.
    pub(super) fn events_needed(&self) -> f64 {
        if self.q < 1.0 { BEYOND / (1.0 - self.q) } else { 1.0 }
    }
}

/// What a stage came to, as far as it is judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Events a second.
    pub(super) asked: f64,
    pub(super) achieved: f64,
    pub(super) slots: Vec<SlotSeen>,
    /// Events that were given to a bus and not published, or refused by a handler.
    pub(super) lost: u64,
    /// How late events were given to the bus through the generator alone, in ns.
    pub(super) late: HistogramSnapshot,
    /// How far the generators were behind at the end, and through whom.
    pub(super) behind: Option<(Blame, Duration)>,
    /// Events that slots had not done some time after the end.
    pub(super) left: u64,
}

#[derive(Clone, Debug)]
pub(super) struct SlotSeen {
    pub(super) bus: String,
    pub(super) slot: String,
    pub(super) state: SlotState,
    /// Due to done, in ns.
    pub(super) done: HistogramSnapshot,
}

/// Why a stage did not hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    Ended {
        slot: String,
        state: SlotState,
    },
    Lost {
        events: u64,
    },
    /// The generator did not keep its own schedule.
    Generator {
        asked: f64,
        achieved: f64,
    },
    /// Full rings held the generator up.
    Full {
        asked: f64,
        achieved: f64,
    },
    Left {
        events: u64,
    },
    NoEvents {
        slot: String,
    },
    /// The percentile would rest on too few: that says nothing of the rate.
    Few {
        slot: String,
        percentile: String,
        events: u64,
        needed: u64,
    },
    Percentile {
        slot: String,
        percentile: String,
        ns: u64,
        limit_ns: u64,
    },
    /// The same, and most of it was the generator's own lateness.
    Late {
        slot: String,
        percentile: String,
        ns: u64,
        limit_ns: u64,
        late_ns: u64,
    },
}

impl Failure {
    /// Whether it says something of the generator rather than of the bus.
    pub(super) fn is_of_generator(&self) -> bool {
        matches!(self, Self::Generator { .. } | Self::Late { .. })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { slot, state } => write!(f, "slot {slot} is {state}"),
            Self::Lost { events } => write!(f, "{} events lost", crate::report::thousands(*events)),
            Self::Generator { asked, achieved } => write!(
                f,
                "the generator, not the bus, is the limit: {} events/s of {} events/s",
                shown_rate(*achieved),
                shown_rate(*asked)
            ),
            Self::Full { asked, achieved } => {
                write!(f, "the rings were full: {} events/s of {} events/s", shown_rate(*achieved), shown_rate(*asked))
            }
            Self::Left { events } => write!(f, "{} events were not done in time", crate::report::thousands(*events)),
            Self::NoEvents { slot } => write!(f, "slot {slot} saw no event"),
            Self::Few { slot, percentile, events, needed } => {
                let (events, needed) = (crate::report::thousands(*events), crate::report::thousands(*needed));
                write!(f, "slot {slot} saw {events} events, and {percentile} needs {needed}")
            }
            Self::Percentile { slot, percentile, ns, .. } => write!(f, "{slot} {percentile} {}", shown_ns(*ns)),
            Self::Late { slot, percentile, ns, late_ns, .. } => write!(
                f,
                "{slot} {percentile} {}, through the generator, not the bus: it was late by {} itself",
                shown_ns(*ns),
                shown_ns(*late_ns)
            ),
        }
    }
}

/// Whether a stage held all of it; if not, why, the first reason that explains the others.
pub(super) fn judge(objectives: &[Objective], seen: &Seen) -> Result<(), Failure> {
    let full = |slot: &SlotSeen| format!("{}.{}", slot.bus, slot.slot);
    if let Some(slot) = seen.slots.iter().find(|slot| slot.state.is_final()) {
        return Err(Failure::Ended { slot: full(slot), state: slot.state });
    }
    if seen.lost > 0 {
        return Err(Failure::Lost { events: seen.lost });
    }
    let (asked, achieved) = (seen.asked, seen.achieved);
    if achieved < asked * (1.0 - SHORT) {
        return Err(match seen.behind {
            Some((Blame::Bus, _)) => Failure::Full { asked, achieved },
            _ => Failure::Generator { asked, achieved },
        });
    }
    if seen.left > 0 {
        return Err(Failure::Left { events: seen.left });
    }
    for objective in objectives {
        let meant: Vec<_> =
            seen.slots.iter().filter(|slot| precision(&objective.slot, &slot.bus, &slot.slot).is_some()).collect();
        // A slot that takes none of the events there are is no slot that takes long, unless it was named.
        let with_events: Vec<_> = meant.iter().filter(|slot| slot.done.count() > 0).collect();
        if with_events.is_empty() || (objective.slot != "*" && with_events.len() < meant.len()) {
            let without = meant.iter().find(|slot| slot.done.count() == 0);
            return Err(Failure::NoEvents { slot: without.map_or_else(|| objective.slot.clone(), |slot| full(slot)) });
        }
        // Each slot that was named must have its events; of all slots, the one with the most: those with fewer are judged by what they have.
        let by_count = |slot: &&&&SlotSeen| slot.done.count();
        let counted = if objective.slot == "*" {
            with_events.iter().max_by_key(by_count)
        } else {
            with_events.iter().min_by_key(by_count)
        };
        let needed = objective.events_needed().round() as u64;
        if let Some(slot) = counted
            && slot.done.count() < needed
        {
            let (percentile, events) = (objective.percentile.clone(), slot.done.count());
            return Err(Failure::Few { slot: full(slot), percentile, events, needed });
        }
        for slot in with_events {
            one(objective, slot, &full(slot), &seen.late)?;
        }
    }
    Ok(())
}

fn one(objective: &Objective, slot: &SlotSeen, name: &str, late: &HistogramSnapshot) -> Result<(), Failure> {
    let (ns, limit_ns) = (slot.done.quantile(objective.q), objective.limit.as_nanos() as u64);
    if ns < limit_ns {
        return Ok(());
    }
    let (slot, percentile) = (name.to_owned(), objective.percentile.clone());
    let late_ns = late.quantile(objective.q);
    Err(if late_ns > ns / 2 {
        Failure::Late { slot, percentile, ns, limit_ns, late_ns }
    } else {
        Failure::Percentile { slot, percentile, ns, limit_ns }
    })
}

/// Objectives that name slots which are not there.
pub(super) fn unknown_slots(option: &str, objectives: &[Objective], slots: &[(String, String)]) -> Vec<String> {
    let known: Vec<String> = slots.iter().map(|(bus, slot)| format!("{bus}.{slot}")).collect();
    let is_unknown =
        |objective: &&Objective| !slots.iter().any(|(bus, slot)| precision(&objective.slot, bus, slot).is_some());
    let unknown = objectives.iter().filter(is_unknown);
    unknown.map(|objective| super::named::unknown(option, &objective.slot, "slot", &known)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagring::counters::Histogram;

    fn recorded(ns: &[(u64, u64)]) -> HistogramSnapshot {
        let (mut writer, reader) = Histogram::new();
        ns.iter().for_each(|(ns, count)| writer.record_n(*ns, *count));
        reader.snapshot()
    }

    fn seen() -> Seen {
        let slot = |slot: &str, tail| SlotSeen {
            bus: "md".into(),
            slot: slot.into(),
            state: SlotState::Running,
            done: recorded(&[(1_000, 9_950), (tail, 50)]),
        };
        let slots = vec![slot("book", 81_000), slot("tape", 2_000)];
        Seen { asked: 1e6, achieved: 1e6, slots, late: recorded(&[(100, 10_000)]), ..Seen::default() }
    }

    fn objectives(texts: &[&str]) -> Vec<Objective> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn issue_4595_a_percentile_is_held_or_named_with_its_slot() {
        let held = [&["p99 < 50us"][..], &["tape:p99.9 < 50us"], &["md.tape:max<3us", "book:p50 < 2us"]];
        held.iter().for_each(|texts| assert_eq!(judge(&objectives(texts), &seen()), Ok(()), "{texts:?}"));
        let failure = judge(&objectives(&["p50 < 2us", "p99.9 < 50us"]), &seen()).unwrap_err();
        assert_eq!(failure.to_string(), "md.book p99.9 81.0 us");
        assert!(!failure.is_of_generator());
        // A limit is to be stayed below.
        assert!(judge(&objectives(&["tape:max < 2us"]), &seen()).is_err());
    }

    #[test]
    fn issue_4595_who_fell_short_is_told_apart() {
        let p999 = objectives(&["p99.9 < 50us"]);
        let short = |behind| Seen { achieved: 0.9e6, behind, ..seen() };
        let text = |seen: &Seen| judge(&p999, seen).unwrap_err().to_string();
        assert_eq!(
            text(&short(Some((Blame::Bus, Duration::from_secs(1))))),
            "the rings were full: 900 k events/s of 1.00 M events/s"
        );
        assert!(
            text(&short(Some((Blame::Generator, Duration::from_secs(1)))))
                .starts_with("the generator, not the bus, is the limit")
        );
        let late = Seen { late: recorded(&[(100, 9_900), (70_000, 100)]), ..seen() };
        assert!(
            text(&late).ends_with("through the generator, not the bus: it was late by 70.0 us itself"),
            "{}",
            text(&late)
        );
        assert!(judge(&p999, &late).unwrap_err().is_of_generator());
    }

    #[test]
    fn issue_4595_a_stage_that_lost_something_does_not_hold() {
        let p50 = objectives(&["p50 < 1s"]);
        let judged = |seen: Seen| judge(&p50, &seen).unwrap_err();
        assert_eq!(judged(Seen { lost: 1, ..seen() }), Failure::Lost { events: 1 });
        assert_eq!(judged(Seen { left: 7, ..seen() }), Failure::Left { events: 7 });
        let mut ended = seen();
        ended.slots[1].state = SlotState::Quarantined;
        assert_eq!(judged(ended).to_string(), "slot md.tape is quarantined");
        let mut silent = seen();
        silent.slots[1].done = HistogramSnapshot::default();
        assert_eq!(judge(&p50, &silent), Ok(()), "not every slot need take events");
        let named = judge(&objectives(&["tape:p50 < 1s"]), &silent).unwrap_err();
        assert_eq!(named.to_string(), "slot md.tape saw no event");
        silent.slots.remove(0);
        assert!(judge(&p50, &silent).is_err(), "but one must");
    }

    #[test]
    fn issue_4595_a_percentile_of_a_slot_rests_on_that_slots_own_events() {
        let mut seen = seen();
        seen.slots[1].done = recorded(&[(1_000, 300)]);
        let rare = judge(&objectives(&["tape:p99.9 < 50us"]), &seen).unwrap_err();
        assert_eq!(rare.to_string(), "slot md.tape saw 300 events, and p99.9 needs 10,000");
        assert_eq!(judge(&objectives(&["tape:p90 < 50us"]), &seen), Ok(()));
        assert_eq!(judge(&objectives(&["p99.9 < 1ms"]), &seen), Ok(()), "of all slots, one has enough");
        seen.slots.remove(0);
        assert!(judge(&objectives(&["p99.9 < 1ms"]), &seen).is_err(), "and none here");
    }

    #[test]
    fn what_is_no_objective_is_refused() {
        for text in [
            "",
            "p99",
            "p99 < ",
            "p99 < 5",
            "p100 < 1s",
            "p0 < 1s",
            "q99 < 1s",
            ":p99 < 1s",
            "p99 > 1s",
            "p99 < 0s",
            "min < 1s",
        ] {
            assert!(text.parse::<Objective>().is_err_and(|error| error.contains("TR-3024")), "{text}");
        }
        let slots = [("md".to_owned(), "book".to_owned())];
        let wrong = unknown_slots("--search", &objectives(&["tape:p99 < 1s", "book:p99 < 1s"]), &slots);
        assert_eq!(wrong, ["TR-3023: --search: there is no slot `tape`; give one of md.book, or * for all"]);
        assert_eq!(
            (objectives(&["p99.9<1s"])[0].events_needed().round(), objectives(&["max<1s"])[0].events_needed()),
            (10_000.0, 1.0)
        );
    }
}
