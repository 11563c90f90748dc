//! From a configuration to a loaded graph: which publishers the generators feed, what each slot does, who forwards to whom, which events there
//! are. Takes any configuration that `tagring check` accepts; what cannot be loaded is refused with all reasons at once.

use super::LoadArgs;
use super::events::{TAGS, tag_name};
use super::named::{Named, precision, set, unknown};
use super::service::{Service, Stall};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use tagring::runtime::Plan;
use tagring::runtime::config::{BusConfig, Config, FeedConfig, PublisherConfig};
use tagring::runtime::machine::Topology;

/// The configuration built in.
const BUILT_IN: &str = include_str!("load.toml");
const BUILT_IN_NAME: &str = "load.toml (built in)";
/// The feed of a configuration that has none, and the publisher of a bus that names none.
const OWN: &str = "load";
/// What an event is called that no slot asks for by name.
const OTHER: &str = "other";
/// How often slots forward unless asked otherwise.
const FORWARD: Share = Share { of: 1, in_all: 10 };

/// A slot as it will be loaded.
#[derive(Clone, Debug)]
pub(super) struct SlotPlan {
    pub(super) bus: String,
    pub(super) slot: String,
    pub(super) service: Service,
    pub(super) stall: Option<Stall>,
}

impl SlotPlan {
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.bus, self.slot)
    }
}

/// A publisher as it will be loaded.
#[derive(Clone, Debug)]
pub(super) struct PortPlan {
    pub(super) bus: String,
    pub(super) publisher: String,
    pub(super) config: PublisherConfig,
    pub(super) role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A generator feeds it, on the thread of this feed.
    Source { feed: String },
    /// This slot forwards to it.
    Outlet { bus: String, slot: String, share: Share },
}

/// The events of a bus: names, by number, and how often each is published in proportion to the others.
#[derive(Clone, Debug, Default)]
pub(super) struct EventNames {
    pub(super) weights: BTreeMap<String, f64>,
}

impl EventNames {
    /// Number and weight of each.
    pub(super) fn numbered(&self) -> Vec<(u8, f64)> {
        self.weights.values().zip(0..).map(|(weight, number)| (number, *weight)).collect()
    }
}

/// Everything there is to load.
#[derive(Debug)]
pub(super) struct Graph {
    /// As the runtime takes it: names of events are numbers.
    pub(super) config: Config,
    pub(super) slots: Vec<SlotPlan>,
    pub(super) ports: Vec<PortPlan>,
    /// By bus.
    pub(super) events: BTreeMap<String, EventNames>,
    /// Feeds that have something to publish.
    pub(super) feeds: Vec<String>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(super) of: u64,
    pub(super) in_all: u64,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, in_all) = text.split_once('/').unwrap_or((text, "1"));
        let read = || Some(Self { of: of.parse().ok()?, in_all: in_all.parse().ok().filter(|all| *all > 0)? });
        read().filter(|share| share.of <= share.in_all.saturating_mul(100) && share.in_all <= 1_000_000_000).ok_or_else(|| {
            format!("TR-3021: `{text}` is no share of events; give one such as 1/10, 1, 0 for none, at most 100 for each event")
        })
    }
}

/// Names of events and their weights: `Order:3,Trade:1`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MixText(Vec<(String, f64)>);

impl FromStr for MixText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = |part: &str| {
            let (name, weight) = part.split_once(':')?;
            let weight = weight.trim().parse().ok().filter(|weight: &f64| weight.is_finite() && *weight >= 0.0)?;
            let name = name.trim();
            (!name.is_empty()).then(|| (name.to_owned(), weight))
        };
        let all: Option<Vec<_>> = text.split(',').map(one).collect();
        let all = all.filter(|all| all.iter().map(|(_, weight)| weight).sum::<f64>() > 0.0);
        all.map(Self).ok_or_else(|| {
            format!("TR-3021: `{text}` is no mix of events; give BUS=NAME:WEIGHT,.. with a weight above 0, such as md=Order:3,Trade:1")
        })
    }
}

/// The configuration as arguments and environment say, a feed added where there is none.
///
/// # Errors
/// Everything that is wrong with it, a line each.
pub(super) fn configuration(args: &LoadArgs) -> Result<Config, Vec<String>> {
    let loader = match &args.config {
        Some(path) => Config::loader().file(path),
        None => Config::loader().text(BUILT_IN_NAME, BUILT_IN),
    };
    let machine = Topology::read();
    let loader = loader.environment().also(move |config: &Config| Plan::mistakes(config, &machine));
    let mut config = loader.load().map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    if config.feeds.is_empty() {
        config.feeds.insert(OWN.into(), FeedConfig::default());
    }
    // Ctrl-C ends the load with its report.
    config.runtime.signals = true;
    Ok(config)
}

impl Graph {
    /// Looks the configuration through.
    ///
    /// # Errors
    /// Everything that cannot be loaded, a line each.
    pub(super) fn new(mut config: Config, args: &LoadArgs) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let slots = slots(&config, args, &mut wrong);
        let ports = ports(&config, args, &mut wrong);
        let events = number_events(&mut config, args, &mut wrong);
        if slots.is_empty() {
            wrong.push("TR-3025: the configuration has no slot, so there is nothing to measure; add one below `buses.NAME.slots`".into());
        }
        let fed =
            |feed: &String| ports.iter().any(|port| matches!(&port.role, Role::Source { feed: own } if own == feed));
        let feeds: Vec<String> = config.feeds.keys().filter(|feed| fed(feed)).cloned().collect();
        if feeds.is_empty() {
            wrong.push(
                "TR-3025: slots hold all publishers of the configuration, so there is none to bring events in; add one without `slot`".into(),
            );
        }
        if wrong.is_empty() { Ok(Self { config, slots, ports, events, feeds }) } else { Err(wrong) }
    }
}

fn slots(config: &Config, args: &LoadArgs, wrong: &mut Vec<String>) -> Vec<SlotPlan> {
    let all = config.buses.iter().flat_map(|(bus, of)| of.slots.keys().map(move |slot| (bus, slot)));
    let slots: Vec<SlotPlan> = all
        .map(|(bus, slot)| SlotPlan {
            bus: bus.clone(),
            slot: slot.clone(),
            service: set(&args.service, bus, slot).copied().unwrap_or_default(),
            stall: set(&args.stall, bus, slot).copied(),
        })
        .collect();
    let known: Vec<String> = slots.iter().map(SlotPlan::full_name).collect();
    let names = |of: &[Named<Service>]| of.iter().map(|named| named.name.clone()).collect::<Vec<_>>();
    let stalls: Vec<String> = args.stall.iter().map(|named| named.name.clone()).collect();
    for (option, name) in
        names(&args.service).iter().map(|name| ("--service", name)).chain(stalls.iter().map(|name| ("--stall", name)))
    {
        if name != "*" && !slots.iter().any(|slot| precision(name, &slot.bus, &slot.slot).is_some()) {
            wrong.push(unknown(option, name, "slot", &known));
        }
    }
    slots
}

fn ports(config: &Config, args: &LoadArgs, wrong: &mut Vec<String>) -> Vec<PortPlan> {
    let feeds: Vec<&String> = config.feeds.keys().collect();
    let mut turn = 0;
    let mut ports = Vec::new();
    for (bus, of) in &config.buses {
        let unnamed = of.publishers.is_empty().then(|| (OWN.to_owned(), PublisherConfig::default()));
        let all = of.publishers.iter().map(|(name, config)| (name.clone(), config.clone())).chain(unnamed);
        for (publisher, config) in all {
            let role = match config.slot.split_once('.') {
                Some((holder, slot)) => {
                    // A publisher's own name is more precise than its bus's.
                    let named = set(&args.forward, bus, &publisher).or_else(|| by_bus(&args.forward, bus));
                    let share = named.copied().unwrap_or(FORWARD);
                    Role::Outlet { bus: holder.to_owned(), slot: slot.to_owned(), share }
                }
                None => {
                    let same = feeds.iter().find(|feed| ***feed == publisher);
                    let feed = same.copied().unwrap_or_else(|| {
                        turn += 1;
                        feeds[(turn - 1) % feeds.len()]
                    });
                    Role::Source { feed: feed.clone() }
                }
            };
            ports.push(PortPlan { bus: bus.clone(), publisher, config, role });
        }
    }
    let outlets = || ports.iter().filter(|port| matches!(port.role, Role::Outlet { .. }));
    for Named { name, .. } in &args.forward {
        let means = |port: &PortPlan| port.bus == *name || precision(name, &port.bus, &port.publisher).is_some();
        if !outlets().any(means) && name != "*" {
            let known: Vec<String> = outlets().map(|port| format!("{}.{}", port.bus, port.publisher)).collect();
            let known = if known.is_empty() { vec!["none: no publisher has a `slot`".to_owned()] } else { known };
            wrong.push(unknown("--forward", name, "bus that slots publish to, or publisher,", &known));
        }
    }
    ports
}

fn by_bus<'a, T>(all: &'a [Named<T>], bus: &str) -> Option<&'a T> {
    all.iter().rev().find(|named| named.name == bus).map(|named| &named.value)
}

/// Gives the events of each bus numbers, in place of the names that the configuration has for them.
fn number_events(config: &mut Config, args: &LoadArgs, wrong: &mut Vec<String>) -> BTreeMap<String, EventNames> {
    let known: Vec<String> = config.buses.keys().cloned().collect();
    for Named { name, .. } in args.mix.iter().filter(|named| named.name != "*" && !known.contains(&named.name)) {
        wrong.push(unknown("--mix", name, "bus", &known));
    }
    let mut all = BTreeMap::new();
    for (bus, of) in &mut config.buses {
        let events = events_of(of, by_bus(&args.mix, bus).or_else(|| by_bus(&args.mix, "*")));
        let count = events.weights.len();
        if count > TAGS {
            wrong.push(format!("TR-3025: bus {bus} has {count} names of events; the load has {TAGS}: name fewer"));
            continue;
        }
        let numbers: BTreeMap<&String, usize> = events.weights.keys().zip(0..).collect();
        for slot in of.slots.values_mut() {
            let named = slot.tags.iter().filter_map(|name| numbers.get(name).copied());
            // All that there are, by name: histograms by tag are for those alone.
            let tags: Vec<usize> = if slot.tags.is_empty() { (0..count).collect() } else { named.collect() };
            slot.tags = tags.into_iter().map(tag_name).collect();
        }
        all.insert(bus.clone(), events);
    }
    all
}

/// The events of a bus: those that slots name, each as often as the others, and another one where a slot takes all; or as asked.
fn events_of(bus: &BusConfig, asked: Option<&MixText>) -> EventNames {
    let named: BTreeSet<&String> = bus.slots.values().flat_map(|slot| &slot.tags).collect();
    let takes_all = bus.slots.is_empty() || bus.slots.values().any(|slot| slot.tags.is_empty());
    let mut weights: BTreeMap<String, f64> = BTreeMap::new();
    match asked {
        Some(MixText(asked)) => {
            weights.extend(named.into_iter().map(|name| (name.clone(), 0.0)));
            weights.extend(asked.iter().cloned());
        }
        None => {
            weights.extend(named.into_iter().map(|name| (name.clone(), 1.0)));
            weights.extend(takes_all.then(|| (OTHER.to_owned(), 1.0)));
        }
    }
    EventNames { weights }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LoadArgs,
    }

    fn graph(toml: &str, line: &[&str]) -> Result<Graph, Vec<String>> {
        let args = Line::try_parse_from([&["load"], line].concat()).unwrap_or_else(|error| panic!("{error}")).args;
        let mut config = Config::from_toml("test.toml", toml).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        if config.feeds.is_empty() {
            config.feeds.insert(OWN.into(), FeedConfig::default());
        }
        Graph::new(config, &args)
    }

    const TWO_BUSES: &str = r#"
        [feeds.itch]
        [feeds.news]
        [buses.md]
        publishers.itch = {}
        publishers.other = {}
        slots.book = {}
        slots.signal = { after = ["book"], tags = ["Trade", "Quote"] }
        [buses.orders]
        publishers.book = { slot = "md.book", overflow = "shed" }
        publishers.signal = { slot = "md.signal", overflow = "timeout" }
        slots.gateway = {}
    "#;

    #[test]
    fn issue_4595_a_configuration_says_who_publishes_and_who_forwards() {
        let graph = graph(
            TWO_BUSES,
            &["--service", "1us", "--service", "md.book=2us", "--forward", "orders=1/4", "--forward", "signal=1"],
        )
        .unwrap();
        let source =
            |publisher: &str| graph.ports.iter().find(|port| port.bus == "md" && port.publisher == publisher).unwrap();
        assert_eq!(source("itch").role, Role::Source { feed: "itch".into() }, "the feed of the same name");
        assert_eq!(source("other").role, Role::Source { feed: "itch".into() }, "else in turn");
        let outlet = |publisher: &str| {
            &graph.ports.iter().find(|port| port.bus == "orders" && port.publisher == publisher).unwrap().role
        };
        let holder =
            |slot: &str, of, in_all| Role::Outlet { bus: "md".into(), slot: slot.into(), share: Share { of, in_all } };
        assert_eq!((outlet("book"), outlet("signal")), (&holder("book", 1, 4), &holder("signal", 1, 1)));
        assert_eq!(graph.feeds, ["itch"]);
        let services: Vec<String> = graph.slots.iter().map(|slot| slot.service.to_string()).collect();
        let names: Vec<String> = graph.slots.iter().map(SlotPlan::full_name).collect();
        assert_eq!(
            (names.join(" "), services.join(", ")),
            ("md.book md.signal orders.gateway".into(), "2.00 us, 1.00 us, 1.00 us".into())
        );
    }

    #[test]
    fn issue_4595_names_of_events_become_numbers_whatever_family_they_are_of() {
        let tags = |graph: &Graph, bus: &str, slot: &str| graph.config.buses[bus].slots[slot].tags.join(" ");
        let plain = graph(TWO_BUSES, &[]).unwrap();
        assert_eq!((tags(&plain, "md", "book"), tags(&plain, "md", "signal")), ("T0 T1 T2".into(), "T1 T0".into()));
        assert_eq!(tags(&plain, "orders", "gateway"), "T0");
        assert_eq!(plain.events["md"].numbered(), [(0, 1.0), (1, 1.0), (2, 1.0)]);
        let mixed = graph(TWO_BUSES, &["--mix", "md=Trade:2,News:5"]).unwrap();
        assert_eq!(
            mixed.events["md"].weights.clone().into_iter().collect::<Vec<_>>(),
            [("News".into(), 5.0), ("Quote".into(), 0.0), ("Trade".into(), 2.0)]
        );
        assert_eq!(mixed.config.mistakes(), []);
    }

    #[test]
    fn issue_4595_what_cannot_be_loaded_is_refused_with_all_reasons() {
        let line = ["--service", "bok=1us", "--stall", "x.y=1ms/5", "--forward", "md=1", "--mix", "derived=A:1"];
        let wrong = graph(TWO_BUSES, &line).unwrap_err();
        let expected = [
            "--service: there is no slot `bok`",
            "--stall: there is no slot `x.y`",
            "--forward: there is no bus",
            "--mix: there is no bus `derived`",
        ];
        assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
        for (wrong, expected) in wrong.iter().zip(expected) {
            assert!(wrong.starts_with("TR-3023") && wrong.contains(expected), "{wrong}");
        }
        assert!(wrong[0].contains("md.book, md.signal, orders.gateway"), "{}", wrong[0]);
        for (toml, expected) in [
            ("[buses.md]", "no slot"),
            ("[feeds.itch]", "no slot"),
            (
                "[buses.md]\npublishers.a = { slot = 'md.b', overflow = 'shed' }\nslots.b = {}",
                "slots hold all publishers",
            ),
        ] {
            let wrong = graph(toml, &[]).unwrap_err();
            assert!(wrong.iter().any(|line| line.starts_with("TR-3025") && line.contains(expected)), "{wrong:?}");
        }
        let names: Vec<String> = (0..65).map(|at| format!("'Event{at}'")).collect();
        let many = graph(&format!("[buses.md]\nslots.b = {{ tags = [{}] }}", names.join(",")), &[]).unwrap_err();
        assert!(many[0].contains("TR-3025") && many[0].contains("65 names of events; the load has 64"), "{many:?}");
    }

    #[test]
    fn what_is_no_share_or_mix_is_refused() {
        for text in ["", "x", "1/0", "-1/2", "101/1", "1/2/3"] {
            assert!(text.parse::<Share>().is_err_and(|error| error.contains("TR-3021")), "{text}");
        }
        for text in ["", "Order", "Order:x", "Order:0", ":1", "Order:-1", "Order:inf"] {
            assert!(text.parse::<MixText>().is_err_and(|error| error.contains("TR-3021")), "{text}");
        }
    }

    #[test]
    fn the_one_built_in_and_the_main_jobs_can_be_loaded() {
        for text in [BUILT_IN, include_str!("../run/tagring.toml")] {
            let graph = graph(text, &[]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
            assert_eq!(graph.feeds, ["feed"]);
            assert!(graph.slots.len() == 4 && graph.config.mistakes().is_empty());
        }
    }
}
