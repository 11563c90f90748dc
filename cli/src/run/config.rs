//! The main job's configuration: the one built in or a file in its place, the environment over it, `--cores` over both. Whatever it says
//! has effect or is refused: the job has code for certain buses, publishers and one feed, and for slots whose name begins with that of one
//! of its handlers.

use super::kind::Kind;
use crate::args::{Pace, RunArgs};
use std::collections::BTreeSet;
use tagring::bus::{CoreError, allowed_cores};
use tagring::event::Family;
use tagring::runtime::Plan;
use tagring::runtime::config::{Config, Cores, Mistake, Mistakes, SlotConfig, SlotOverflowChoice};
use tagring::runtime::machine::Topology;
use tagring_market::events;

use crate::derived;

/// The configuration built in.
const BUILT_IN: &str = include_str!("tagring.toml");
/// What it is called in mistakes.
const BUILT_IN_NAME: &str = "tagring.toml (built in)";

/// The job's only feed.
pub(super) const FEED: &str = "feed";
/// The bus of market data.
pub(super) const MARKET: &str = "md";
/// The bus of what slots make of it.
pub(crate) const DERIVED: &str = "derived";

/// What the job cannot do without and, but for slots, has code for: buses, their publishers, their slots.
const PARTS: [(&str, &[&str], &[&str]); 2] =
    [(MARKET, &[FEED], &["book", "signal", "recorder"]), (DERIVED, &["book", "signal"], &["tape"])];

/// What to do about a part that the job has no code for.
const NO_CODE: &str = "take it out, or give it code in a program of your own";
/// The same of a slot.
const NO_HANDLER: &str = "take it out, begin its name with one of these and a dash (`recorder-audit`), or give it code in a program of your own";

/// The configuration as the arguments and the environment say.
///
/// # Errors
/// Everything that is wrong with it, a line each.
pub(super) fn effective(args: &RunArgs) -> Result<Config, Vec<String>> {
    let cores = args.cores.as_deref().map(wanted).transpose().map_err(|line| vec![line])?;
    let loader = match &args.config {
        Some(path) => Config::loader().file(path),
        None => Config::loader().text(BUILT_IN_NAME, BUILT_IN),
    };
    let placed = move |mut config: Config| {
        cores.iter().for_each(|cores| put_on(&mut config, cores));
        config
    };
    let (machine, theirs) = (Topology::read(), placed.clone());
    let fits = move |config: &Config| Plan::mistakes(&theirs(config.clone()), &machine);
    let loader = loader.environment().also(unfit).also(fits);
    let lines = |mistakes: Mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let config = placed(loader.load().map_err(lines)?);
    config.check().map_err(lines)?;
    Ok(config)
}

/// The cores asked for, each once.
fn wanted(asked: &[usize]) -> Result<Vec<usize>, String> {
    let allowed = allowed_cores();
    if let Some(&core) = asked.iter().find(|core| !allowed.contains(core)) {
        return Err(format!("tagring: --cores: {}", CoreError::NotAllowed { core, allowed }));
    }
    let mut cores: Vec<usize> = Vec::new();
    for &core in asked {
        // Two threads on one core would only take turns.
        if !cores.contains(&core) {
            cores.push(core);
        }
    }
    if cores.is_empty() {
        return Err("tagring: --cores: none was named, or the process may use none; leave it out [TR-3003]".into());
    }
    Ok(cores)
}

/// Puts the feed on the first of these cores and the slots on the others; on one alone all share it.
fn put_on(config: &mut Config, cores: &[usize]) {
    let (first, others) = (&cores[..1], &cores[1..]);
    let slots = if others.is_empty() { first } else { others };
    config.runtime.cores = cores.to_vec();
    config.feeds.values_mut().for_each(|feed| feed.cores = Cores::List(first.to_vec()));
    let used: BTreeSet<String> =
        config.buses.values().flat_map(|bus| bus.slots.values()).map(|slot| slot.thread.clone()).collect();
    let is_only = used.len() == 1;
    for name in used {
        let thread = config.threads.entry(name).or_default();
        // Of several groups none has the better right to a core: they are placed among all that are given.
        thread.cores = Cores::Auto;
        if is_only {
            thread.threads_max = thread.threads_max.min(slots.len() as u32);
            thread.cores = Cores::List(slots[..thread.threads_max as usize].to_vec());
        }
    }
}

/// What the job needs and is not there, and what is there and it has no code for.
fn unfit(config: &Config) -> Vec<Mistake> {
    let mut found = Vec::new();
    compare("feeds", config.feeds.keys(), &[FEED], NO_CODE, &mut found);
    compare("buses", config.buses.keys(), &PARTS.map(|(bus, ..)| bus), NO_CODE, &mut found);
    for (name, publishers, slots) in PARTS {
        let Some(bus) = config.buses.get(name) else { continue };
        compare(&format!("buses.{name}.publishers"), bus.publishers.keys(), publishers, NO_CODE, &mut found);
        let is_more = |slot: &str| !slots.contains(&slot) && Kind::of(slot).is_some_and(|kind| kind.bus() == name);
        let there = bus.slots.keys().filter(|slot| !is_more(slot));
        compare(&format!("buses.{name}.slots"), there, slots, NO_HANDLER, &mut found);
        for (slot, config) in &bus.slots {
            let path = format!("buses.{name}.slots.{slot}.tags");
            found.extend(if name == MARKET {
                unknown_tag::<events::Events>(path, config)
            } else {
                unknown_tag::<derived::Events>(path, config)
            });
        }
    }
    let market = config.buses.get(MARKET).and_then(|bus| bus.publishers.get(FEED));
    if market.is_some_and(|publisher| publisher.clones) {
        let path = format!("buses.{MARKET}.publishers.{FEED}.clones");
        let mistake = Mistake::new("TR-3008", path, "true", "the main job has one feed, which clones nothing");
        found.push(mistake.allowed("false").remedy("leave it out"));
    }
    found
}

/// Whether a slot may leave events out, or lose its place, rather than hold its publishers up.
pub(super) fn may_lose(slot: &SlotConfig) -> bool {
    let mut choices = [&slot.overflow].into_iter().chain(slot.overflow_tags.values());
    slot.expires || choices.any(|choice| *choice != SlotOverflowChoice::Gate)
}

/// What a slot does when it is behind.
pub(super) fn policy(slot: &SlotConfig) -> String {
    let others = slot.overflow_tags.values().filter(|choice| **choice != slot.overflow).map(|choice| choice.name());
    let others: BTreeSet<&str> = others.chain(slot.expires.then_some("expires")).collect();
    [slot.overflow.name()].into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

/// Whether `--overload` means anything at that pace with that configuration.
///
/// # Errors
/// It does not, and why.
pub(super) fn check_overload(pace: Pace, config: &Config) -> Result<(), String> {
    if pace == Pace::Max {
        return Err("TR-3062: --overload: at --pace max the feed is as fast as slots allow, so that nothing is too much for them; give a rate \
                    such as --pace 1000000/s, or leave --pace out"
            .into());
    }
    let mut slots = config.buses.values().flat_map(|bus| bus.slots.values());
    if slots.any(may_lose) {
        return Ok(());
    }
    Err("TR-3061: --overload: every slot of the configuration has overflow = \"gate\", so that none may lose an event and the feed would only \
         wait; give one another `overflow`, or take --config examples/overload.toml"
        .into())
}

/// Names that are there against those that the job has code for.
fn compare<'a>(
    path: &str,
    there: impl Iterator<Item = &'a String>,
    ours: &[&str],
    remedy: &str,
    found: &mut Vec<Mistake>,
) {
    let there: BTreeSet<&str> = there.map(String::as_str).collect();
    for name in ours.iter().filter(|name| !there.contains(**name)) {
        let mistake =
            Mistake::new("TR-3007", format!("{path}.{name}"), "", "not there, and the main job cannot do without");
        found.push(
            mistake
                .allowed(format!("all of {}", ours.join(", ")))
                .remedy("put it back; `tagring run --print-config` shows it"),
        );
    }
    for name in there.iter().filter(|name| !ours.contains(name)) {
        let mistake = Mistake::new("TR-3008", format!("{path}.{name}"), "", "the main job has no code for it");
        found.push(mistake.allowed(ours.join(", ")).remedy(remedy));
    }
}

fn unknown_tag<F: Family>(path: String, slot: &SlotConfig) -> Option<Mistake> {
    let error = slot.tag_set::<F>().err()?;
    let text = error.to_string();
    let what = text.strip_suffix(&format!(" [{}]", error.code())).unwrap_or(&text).to_owned();
    Some(Mistake::new(error.code(), path, format!("{:?}", slot.tags), what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Config {
        Config::from_toml(BUILT_IN_NAME, BUILT_IN).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    #[test]
    fn the_one_built_in_is_what_the_job_has_code_for() {
        assert_eq!(unfit(&built_in()), []);
    }

    #[test]
    fn the_first_core_is_the_feeds_and_the_others_the_slots() {
        let list = |cores: &[usize]| Cores::List(cores.to_vec());
        for (asked, slots) in [(&[3][..], &[3][..]), (&[3, 5], &[5]), (&[7, 1, 2, 3, 4, 5], &[1, 2, 3, 4])] {
            let mut config = built_in();
            put_on(&mut config, asked);
            let thread = &config.threads["slots"];
            assert_eq!((&config.feeds[FEED].cores, &thread.cores), (&list(&asked[..1]), &list(slots)));
            assert_eq!((thread.threads_max as usize, config.runtime.cores.as_slice()), (slots.len(), asked));
            assert_eq!(config.mistakes(), []);
        }
        // Slots on a thread of their own find their place among all cores.
        let mut config = built_in();
        config.buses.get_mut(DERIVED).and_then(|bus| bus.slots.get_mut("tape")).unwrap().thread = "tape".into();
        put_on(&mut config, &[0, 1, 2]);
        assert_eq!((&config.threads["slots"].cores, &config.threads["tape"].cores), (&Cores::Auto, &Cores::Auto));
        assert_eq!(config.mistakes(), []);
    }
}
