//! Degradation as a whole: its laws under any load, and ten times the load that a slot can handle, counted.

use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{Context, Handler, Outcome, Overflow};
use tagring::event::{Event, Payload, Tag, TagSet};
use tagring::guard::{Degradation, Load, Mode, ModeCause, Rules, ShedReason, Threshold, Thresholds};
use tagring::runtime::config::{
    BusConfig, Config, Cores, DegradationConfig, MeasureChoice, Mistake, ModeConfig, PreflightChoice, SlotConfig,
    ThreadConfig, WaitChoice,
};
use tagring::runtime::machine::Topology;
use tagring::runtime::{Deadline, Runtime};

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Quote = 1, v1 { pub price: i64 }
    pub struct Trade = 2, v1 { pub price: i64 }
    pub struct Halt = 1023, v1 { pub reason: u64 }
}
use market::{Events, Halt, Quote, Trade};

/// Counts the bytes that are allocated and not yet freed.
struct Counting;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: passes every call on to the system's allocator unchanged; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a mode is left at.
fn below(threshold: Threshold, percent: u64, load: Load) -> bool {
    let all = [
        (threshold.lag_events, load.lag_events),
        (threshold.age_ns, load.age_ns),
        (threshold.memory_bytes, load.memory_bytes),
    ];
    all.into_iter().all(|(limit, value)| limit == 0 || value < (limit * percent / 100).max(1))
}

fn reached(threshold: Threshold, load: Load) -> bool {
    !below(threshold, 100, load)
}

prop_compose! {
    fn thresholds()(
        lag in prop::collection::vec(0_u64..100, 3),
        age in prop::collection::vec(0_u64..100, 3),
        leave_percent in 1_u64..=95,
        stay_ns in 0_u64..200,
    ) -> Thresholds {
        let at = |mode: usize| Threshold { lag_events: lag[mode] * (mode as u64 + 1), age_ns: age[mode], memory_bytes: 0 };
        Thresholds { enter: [at(0), at(1), at(2)], leave_percent, stay_ns }
    }
}

/// A step of a run: the load, the time since the step before, and what a hand does: 1 to 4 forces a mode, 5 lets go.
fn steps() -> impl Strategy<Value = Vec<(u64, u64, u64, u8)>> {
    prop::collection::vec((0_u64..300, 0_u64..120, 0_u64..60, 0_u8..12), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn issue_4587_the_laws_of_degradation_hold_for_any_load_and_any_hand(thresholds in thresholds(), steps in steps()) {
        let mut bus = Degradation::new(thresholds, 0);
        let (mut now_ns, mut forced) = (0, None);
        let mut entered = [0; 4];
        for (lag_events, age_ns, passed, hand) in steps {
            now_ns += passed;
            let load = Load { lag_events, age_ns, memory_bytes: 0 };
            let before = bus.mode();
            let by_hand = match hand {
                1..=4 => {
                    forced = Mode::from_u8(hand - 1);
                    bus.force(forced.unwrap(), now_ns)
                }
                5 => {
                    forced = None;
                    bus.release(now_ns);
                    None
                }
                _ => None,
            };
            prop_assert_eq!(by_hand.is_some(), bus.mode() != before);
            let between = bus.mode();
            let judged = bus.look(load, now_ns);
            for change in by_hand.iter().chain(&judged) {
                entered[change.to as usize] += 1;
            }
            let mode = bus.mode();
            let demanded = [Mode::Halted, Mode::Shedding, Mode::Degraded]
                .into_iter()
                .find(|mode| reached(thresholds.enter[*mode as usize - 1], load))
                .unwrap_or(Mode::Normal);
            match judged {
                _ if forced.is_some() => prop_assert_eq!((judged, Some(mode)), (None, forced)),
                Some(change) if change.to > change.from => {
                    prop_assert_eq!((change.from, change.to), (between, demanded), "at once, as far as the load demands");
                    prop_assert!(change.value >= change.limit && change.cause != ModeCause::Recovered);
                }
                Some(change) => {
                    prop_assert_eq!((change.from, change.to), (between, between.better()), "one at a time");
                    let left = thresholds.enter[between as usize - 1];
                    prop_assert!(below(left, thresholds.leave_percent, load), "well below");
                    prop_assert!(demanded < between);
                }
                None => prop_assert!(mode == between && demanded <= mode, "a demand is never put off"),
            }
            prop_assert_eq!(bus.entered(), entered);
            prop_assert_eq!(bus.spent_ns().iter().sum::<u64>(), now_ns, "every moment is in one mode");
        }
    }

    #[test]
    fn issue_4587_a_mode_lasts_before_a_better_one_follows(thresholds in thresholds(), steps in steps()) {
        let mut bus = Degradation::new(thresholds, 0);
        let (mut now_ns, mut since_ns) = (0, 0);
        for (lag_events, age_ns, passed, _) in steps {
            now_ns += passed;
            if let Some(change) = bus.look(Load { lag_events, age_ns, memory_bytes: 0 }, now_ns) {
                prop_assert!(change.to > change.from || now_ns - since_ns >= thresholds.stay_ns);
                since_ns = now_ns;
            }
        }
    }

    #[test]
    fn issue_4588_what_a_mode_sheds_every_worse_one_sheds(
        sets in prop::collection::vec(prop::collection::btree_set(0_u16..20, 0..20), 3),
        tag in 0_u16..20,
        age in 0_u64..100,
    ) {
        let set = |of: &std::collections::BTreeSet<u16>| of.iter().map(|tag| Tag::new(*tag)).collect::<TagSet>();
        let modes = [Mode::Degraded, Mode::Shedding, Mode::Halted];
        let rules = modes.iter().zip(&sets).fold(Rules::all(TagSet::ALL), |rules, (mode, of)| rules.keep(*mode, set(of)));
        let admits = Mode::ALL.map(|mode| rules.admits(mode, Tag::new(tag), age));
        prop_assert_eq!(admits[0], Ok(()));
        for (at, mode) in modes.into_iter().enumerate() {
            let lives = sets[..=at].iter().all(|set| set.contains(&tag));
            prop_assert_eq!(admits[mode as usize], if lives { Ok(()) } else { Err(ShedReason::Mode) });
        }
    }
}

#[test]
fn issue_4588_what_is_left_out_says_why_and_what_to_do() {
    for (reason, code, part) in
        [(ShedReason::Mode, "TR-0930", "does not live"), (ShedReason::Age, "TR-0931", "shed_age_ms")]
    {
        assert!(
            reason.code() == code
                && reason.to_string().contains(part)
                && reason.to_string().ends_with(&format!("[{code}]"))
        );
    }
}

fn mode(lag_events: u64, keep: &[&str]) -> ModeConfig {
    ModeConfig { lag_events, keep: keep.iter().map(ToString::to_string).collect(), ..ModeConfig::default() }
}

/// The mistakes of a bus `md` with that degradation.
fn mistakes(degradation: DegradationConfig) -> Vec<Mistake> {
    let mut config = Config::default();
    config.buses.insert("md".into(), BusConfig { degradation, ..BusConfig::default() });
    config.mistakes()
}

#[test]
fn issue_4587_what_is_wrong_with_a_degradation_is_named() {
    let config = DegradationConfig {
        degraded: mode(100, &["Trade"]),
        shedding: mode(99, &["Quote"]),
        halted: mode(0, &["Trade", "Trade"]),
        leave_percent: 100,
        ..DegradationConfig::default()
    };
    let lines: Vec<String> = mistakes(config).iter().map(ToString::to_string).collect();
    let expected = [
        "buses.md.degradation.leave_percent = 100: too large; allowed: 1 to 95; take 95 [TR-0706]",
        "buses.md.degradation.shedding.lag_events = 99: below degraded.lag_events, which is 100; allowed: 0, or 100 or more; \
         raise it, or lower the other [TR-0743]",
        "buses.md.degradation.shedding.keep[0] = \"Quote\": not in degraded.keep: it is left out before; allowed: Trade; \
         leave it out, or add it to degraded.keep [TR-0932]",
        "buses.md.degradation.halted.keep[1] = \"Trade\": twice in the list; allowed: each once; leave it out [TR-0739]",
        "buses.md.degradation.halted.keep[0] = \"Trade\": not in shedding.keep: it is left out before; allowed: Quote; \
         leave it out, or add it to shedding.keep [TR-0932]",
        "buses.md.degradation.halted.keep[1] = \"Trade\": not in shedding.keep: it is left out before; allowed: Quote; \
         leave it out, or add it to shedding.keep [TR-0932]",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn issue_4587_a_mode_that_keeps_what_its_family_does_not_have_is_refused() {
    let mut config = Config::default();
    let degradation = DegradationConfig { shedding: mode(10, &["Trad"]), ..DegradationConfig::default() };
    config.buses.insert("md".into(), BusConfig { degradation, ..BusConfig::default() });
    let runtime = Runtime::on(config, &Topology::regular(1, 4, 1)).unwrap();
    let error = runtime.bus::<Events>("md").map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "TR-0503");
    assert!(
        error.to_string().starts_with("mode shedding of bus md: ") && error.to_string().contains("Trade"),
        "{error}"
    );
}

/// Busy for some time with each quote; trades and halts take none.
struct Slow {
    work: Duration,
    kept: Arc<AtomicU64>,
    /// The longest that a kept event took from its publication.
    late_ns: Arc<AtomicU64>,
}

impl Handler for Slow {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        if event.tag() == Quote::TAG {
            let until = Instant::now() + self.work;
            while Instant::now() < until {
                std::thread::yield_now();
            }
        } else {
            self.kept.fetch_add(1, Ordering::Relaxed);
            let late = ctx.clock().to_ns(ctx.clock().now().since(event.header().publish_ticks()));
            self.late_ns.fetch_max(late, Ordering::Relaxed);
        }
        Outcome::Done
    }
}

/// Milliseconds of overload: some in CI, `./test --overload` a minute.
fn overload() -> Duration {
    let ms = std::env::var("TAGRING_OVERLOAD_MS").ok().and_then(|ms| ms.parse().ok());
    Duration::from_millis(ms.unwrap_or(400))
}

fn slow_bus() -> Config {
    let mut config = Config::default();
    config.runtime.preflight = PreflightChoice::Off;
    config.runtime.check_every_ms = 1;
    config.threads.insert("slots".into(), ThreadConfig { cores: Cores::Any, ..ThreadConfig::default() });
    let slot = SlotConfig {
        measure: MeasureChoice::Off,
        wait: WaitChoice::SpinThenPark,
        turn_limit_events: 16,
        ..SlotConfig::default()
    };
    let degradation = DegradationConfig {
        stay_ms: 20,
        degraded: ModeConfig { shed_age_ms: 20, ..mode(200, &[]) },
        shedding: mode(1_000, &["Trade", "Halt"]),
        halted: mode(0, &["Halt"]),
        ..DegradationConfig::default()
    };
    let slots = [("slow".to_owned(), slot)].into();
    config.buses.insert("md".into(), BusConfig { capacity_cells: 4_096, slots, degradation, ..BusConfig::default() });
    config
}

#[test]
fn issue_4588_ten_times_the_load_leaves_memory_flat_and_kept_tags_whole() {
    let work = Duration::from_micros(50);
    let runtime = Runtime::on(slow_bus(), &Topology::regular(1, 8, 1)).unwrap();
    let md = runtime.bus::<Events>("md").unwrap();
    let [kept, late_ns] = [(); 2].map(|()| Arc::<AtomicU64>::default());
    let _slot = md.attach("slow", Slow { work, kept: Arc::clone(&kept), late_ns: Arc::clone(&late_ns) }).unwrap();
    let mut feed = md.publisher("feed").unwrap().overflow(Overflow::Wait);
    let running = runtime.start().unwrap();
    let (mut sent, mut trades, mut before, mut most) = (0_u64, 0_u64, 0, 0);
    let since = Instant::now();
    // Ten quotes in the time of one.
    let due = |sent: u64| work.mul_f64(sent as f64 / 10.0);
    while since.elapsed() < overload() {
        while due(sent) < since.elapsed() {
            if sent % 64 == 0 {
                feed.publish(1, &Trade { price: 1 }).unwrap();
                trades += 1;
            } else {
                feed.publish(1, &Quote { price: 1 }).unwrap();
            }
            sent += 1;
        }
        let live = LIVE_BYTES.load(Ordering::Relaxed);
        if since.elapsed() > overload() / 4 {
            before = if before == 0 { live } else { before };
            most = most.max(live);
        }
        std::thread::yield_now();
    }
    let modes = md.modes().unwrap();
    md.modes().unwrap().force(Mode::Halted);
    let (quiet, halts) = (modes.snapshot(), kept.load(Ordering::Relaxed));
    feed.publish(1, &Halt { reason: 1 }).unwrap();
    drop(feed);
    let stats = running.slot("md", "slow").unwrap();
    let done = Instant::now();
    while stats.stats().position < sent + 1 {
        assert!(done.elapsed() < Duration::from_secs(30), "the halt is handled: {:?}", stats.stats());
        std::thread::yield_now();
    }
    let stats = stats.stats();
    let shed = modes.snapshot();
    assert!(running.shutdown(Deadline::after_ms(5_000)).is_clean());
    assert!(quiet.entered[Mode::Shedding as usize] >= 1, "{quiet:?}");
    let quotes = sent - trades;
    let shed_of =
        |name: &str| shed.shed.iter().filter(|(_, shed)| shed.payload == name).map(|(_, shed)| shed.count).sum::<u64>();
    let handled = stats.delivered - kept.load(Ordering::Relaxed);
    assert_eq!(handled + shed_of("Quote"), quotes, "each quote is handled or accounted for");
    assert_eq!(kept.load(Ordering::Relaxed) + shed_of("Trade"), trades + 1, "trades die by the halt alone");
    assert!(halts > 0 && shed_of("Halt") == 0);
    assert_eq!(stats.shed, shed_of("Quote") + shed_of("Trade"));
    // Other tests of this process may hold some memory at times; an event takes none.
    let grown = most - before;
    assert!(before > 0 && grown < 1 << 20, "{grown} bytes more, after {sent} events");
    println!(
        "{sent} events, {handled} quotes handled, {} shed, kept events at most {} us late, {grown} bytes grown, {shed}",
        shed_of("Quote"),
        late_ns.load(Ordering::Relaxed) / 1_000
    );
}

#[test]
fn issue_4588_who_comes_again_under_its_name_goes_on_with_its_counts() {
    let runtime = Runtime::on(slow_bus(), &Topology::regular(1, 8, 1)).unwrap();
    let md = runtime.bus::<Events>("md").unwrap();
    let modes = md.modes().unwrap();
    modes.force(Mode::Halted);
    let count_one = |shedder: &tagring::guard::Shedder| {
        assert!(shedder.admits(Quote::TAG, md.bus().clock().now()).is_err());
    };
    let rows = || modes.snapshot().shed.iter().map(|(name, shed)| (name.to_string(), shed.count)).collect::<Vec<_>>();
    for times in 1..=100 {
        count_one(&md.shedder("feed").unwrap());
        assert_eq!(rows(), [("feed".to_owned(), times)]);
    }
    // Two at a time count each for itself: a count has one writer.
    let (one, two) = (md.shedder("feed").unwrap(), md.shedder("feed").unwrap());
    count_one(&one);
    count_one(&two);
    assert_eq!(rows(), [("feed".to_owned(), 101), ("feed".to_owned(), 1)]);
}
