//! Buses with lanes: what is urgent passes any backlog, nothing waits for ever, and everything is accounted for, lane by lane.

use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tagring::bus::{
    AttachError, Context, Handler, LanePolicy, Lanes, LanesError, LocalSlot, Outcome, PanicPolicy, PublishFailure,
    Publisher, SharedPublisher, SlotOverflow, SlotState, SlotThread, SlotView,
};
use tagring::event::Event;
use tagring::retain::DeadLetters;
use tagring::ring::WaitStrategy;
use tagring::tags;

tagring::events! {
    pub mod market;
    /// A price.
    pub struct Quote = 1, v1 { pub number: u64 }
    /// Trading stops.
    pub struct Halt = 2, v1 { pub reason: u64 }
}
use market::{Events, Halt, Quote};

const LIMIT: Duration = Duration::from_secs(20);

/// A lane's publisher, of either kind.
enum Port {
    One(Publisher<Events>),
    Many(SharedPublisher<Events>),
}

impl Port {
    fn quote(&mut self, number: u64) -> Result<u64, PublishFailure> {
        match self {
            Self::One(publisher) => publisher.try_publish(0, &Quote { number }),
            Self::Many(publisher) => publisher.try_publish(0, &Quote { number }),
        }
    }
}

fn fill(publisher: &mut Publisher<Events>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        publisher.try_publish(0, &Quote { number }).unwrap();
    }
}

/// A bus of single-publisher lanes with so many cells each.
fn lanes(policy: LanePolicy, capacities: &[usize]) -> (Lanes<Events>, Vec<Publisher<Events>>) {
    let mut builder = Lanes::<Events>::builder("md").policy(policy);
    let publishers = capacities.iter().map(|&cells| builder.single(cells).unwrap()).collect();
    (builder.build().unwrap(), publishers)
}

fn strict(starvation: u64) -> LanePolicy {
    LanePolicy::Strict { starvation }
}

/// What a handler has seen: lane, sequence, number or reason.
#[derive(Default)]
struct Seen(Vec<(usize, u64, u64)>);

impl Handler for Seen {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let value = event.get::<Quote>().map(|quote| quote.number).or(event.get::<Halt>().map(|halt| halt.reason));
        self.0.push((ctx.lane(), ctx.sequence(), value.unwrap()));
        Outcome::Done
    }
}

fn seen(slot: LocalSlot<Seen>) -> Vec<(usize, u64, u64)> {
    slot.detach().unwrap().0
}

/// Totals and lanes tell the same, and every sequence has met its fate.
fn assert_adds_up(view: &SlotView) {
    let (stats, lanes) = (view.stats(), view.lanes());
    let sum = |count: fn(&tagring::bus::LaneStats) -> u64| lanes.iter().map(count).sum::<u64>();
    assert_eq!(sum(|lane| lane.delivered), stats.delivered);
    assert_eq!(sum(|lane| lane.filtered), stats.filtered);
    assert_eq!(sum(|lane| lane.dead), stats.dead);
    assert_eq!(sum(|lane| lane.holes), stats.holes);
    assert_eq!(sum(|lane| lane.joined), stats.joined);
    assert_eq!(sum(|lane| lane.position), stats.position);
    let events = stats.delivered + stats.filtered + stats.dead + stats.expired + stats.shed;
    assert_eq!(stats.joined + events + stats.holes, stats.position);
}

fn wait_until(what: &str, ready: impl Fn() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < LIMIT, "{what}");
        std::thread::yield_now();
    }
}

// --- urgent ---------------------------------------------------------------------------------------------------------------

#[test]
fn issue_4582_a_halt_behind_a_million_quotes_is_handled_after_at_most_one_batch() {
    const TURN: usize = 256;
    // 32,768 cells, filled again whenever there is room: a backlog of a million in all.
    let (md, mut publishers) = lanes(strict(4_096), &[64, 1 << 15]);
    let (mut quotes, mut control) = (publishers.pop().unwrap(), publishers.pop().unwrap());
    let mut slot = md.slot("desk").turn_limit(TURN).attach_here(Seen::default()).unwrap();
    let (mut published, mut halts) = (0_u64, Vec::new());
    while published < 1_000_000 {
        while published < 1_000_000 && quotes.try_publish(0, &Quote { number: published }).is_ok() {
            published += 1;
        }
        // At every stage of a backlog: between turns here, and inside a turn in the next test.
        assert!(slot.turn());
        let before = slot.handle().stats().delivered;
        control.try_publish(0, &Halt { reason: published }).unwrap();
        halts.push((published, before));
        assert!(slot.turn());
    }
    while slot.turn() {}
    assert_adds_up(slot.handle());
    let seen = seen(slot);
    assert_eq!(seen.len(), 1_000_000 + halts.len());
    let handled = (0_u64..).zip(&seen).filter(|(_, event)| event.0 == 0).map(|(at, event)| (event.2, at));
    assert!(handled.eq(halts), "no event between the publication and the handling");
}

/// Publishes a halt from inside the turn of a quote, after so many of its events.
struct Interrupted {
    control: Option<Publisher<Events>>,
    after: u64,
    seen: u64,
    halted_at: Option<u64>,
}

impl Handler for Interrupted {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if event.get::<Halt>().is_some() {
            self.halted_at.get_or_insert(self.seen);
            return Outcome::Done;
        }
        self.seen += 1;
        if self.seen == self.after
            && let Some(mut control) = self.control.take()
        {
            control.try_publish(0, &Halt { reason: 1 }).unwrap();
        }
        Outcome::Done
    }
}

#[test]
fn issue_4582_a_halt_that_comes_inside_a_turn_waits_for_the_rest_of_it() {
    const TURN: usize = 64;
    let mut longest = 0;
    for after in [1, 63, 64, 65, 66, 1_000] {
        let (md, mut publishers) = lanes(strict(100), &[64, 4_096]);
        let (mut quotes, control) = (publishers.pop().unwrap(), publishers.pop());
        let handler = Interrupted { control, after, seen: 0, halted_at: None };
        let mut slot = md.slot("desk").turn_limit(TURN).attach_here(handler).unwrap();
        fill(&mut quotes, 0..2_000);
        while slot.turn() {}
        let handler = slot.detach().unwrap();
        let waited = handler.halted_at.unwrap() - after;
        assert!(waited < TURN as u64, "{waited} events behind the publication");
        longest = longest.max(waited);
    }
    assert_eq!(longest, TURN as u64 - 1, "published with the first event of a turn, it waits for the others");
}

/// Counts quotes where others can see it, and writes down how many there were when a halt came.
struct Watched {
    quotes: Arc<AtomicU64>,
    halts: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Handler for Watched {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        match event.get::<Halt>() {
            // What had been handled when it was published, at least, and now.
            Some(halt) => self.halts.lock().unwrap().push((halt.reason, self.quotes.load(Ordering::SeqCst))),
            None => drop(self.quotes.fetch_add(1, Ordering::SeqCst)),
        }
        Outcome::Done
    }
}

#[test]
fn issue_4582_with_threads_a_halt_passes_a_full_ring_of_quotes_after_one_batch() {
    const TURN: usize = 64;
    let (md, mut publishers) = lanes(strict(4_096), &[64, 1_024]);
    let (mut quotes, mut control) = (publishers.pop().unwrap(), publishers.pop().unwrap());
    let thread = SlotThread::builder("desk").start().unwrap();
    let (handled, halts) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<_>>>::default());
    let handler = Watched { quotes: Arc::clone(&handled), halts: Arc::clone(&halts) };
    let slot = md.slot("desk").turn_limit(TURN).attach(&thread, handler).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flood = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                match quotes.try_publish(0, &Quote { number }) {
                    Ok(_) => number += 1,
                    Err(_) => std::thread::yield_now(),
                }
            }
            number
        })
    };
    for halt in 0..200 {
        wait_until("quotes are handled", || handled.load(Ordering::SeqCst) > halt * 50);
        // All that was handled up to a moment after the publication: the bound holds from any later moment too.
        let before = handled.load(Ordering::SeqCst);
        control.try_publish(0, &Halt { reason: before }).unwrap();
        let published_by = handled.load(Ordering::SeqCst);
        wait_until("the halt is handled", || halts.lock().unwrap().len() as u64 > halt);
        let (_, at) = halts.lock().unwrap()[halt as usize];
        assert!(at.saturating_sub(published_by) <= TURN as u64, "halt {halt}: {at} after {published_by}");
    }
    stop.store(true, Ordering::Relaxed);
    let published = flood.join().unwrap();
    drop(control);
    slot.join(LIMIT).unwrap();
    assert_adds_up(slot.view());
    let stats = slot.lanes();
    assert_eq!((stats[0].delivered, stats[1].delivered, stats[1].lag), (200, published, 0));
}

// --- fair -----------------------------------------------------------------------------------------------------------------

#[test]
fn issue_4582_the_bound_on_starvation_is_exact_in_events() {
    let (md, mut publishers) = lanes(strict(100), &[4_096, 4_096]);
    let mut slot = md.slot("desk").turn_limit(64).attach_here(Seen::default()).unwrap();
    for publisher in &mut publishers {
        fill(publisher, 0..2_000);
    }
    while slot.turn() {}
    let seen = seen(slot);
    let runs: Vec<(usize, usize)> = seen.chunk_by(|a, b| a.0 == b.0).map(|run| (run[0].0, run.len())).collect();
    let (urgent, below): (Vec<_>, Vec<_>) = runs[..39].iter().partition(|(lane, _)| *lane == 0);
    assert!(urgent.iter().all(|(_, events)| *events == 100), "{runs:?}");
    // What a reader finds first after having found nothing is a turn of one event.
    assert!(below[1..].iter().all(|(_, events)| *events == 64), "{runs:?}");
}

#[test]
fn issue_4582_a_saturated_lane_below_changes_nothing_above_it() {
    // The same urgent events, with an idle lane below and with a full one: handled after as many turns of their own.
    let run = |backlog: u64| {
        let (md, mut publishers) = lanes(strict(4_096), &[256, 4_096]);
        let (mut below, mut urgent) = (publishers.pop().unwrap(), publishers.pop().unwrap());
        let mut slot = md.slot("desk").turn_limit(32).attach_here(Seen::default()).unwrap();
        fill(&mut below, 0..backlog);
        let mut waited = Vec::new();
        for reason in 0..100 {
            urgent.try_publish(0, &Halt { reason }).unwrap();
            let before = slot.handle().lanes();
            assert!(slot.turn());
            let after = slot.handle().lanes();
            waited.push(after[1].position - before[1].position);
            assert_eq!(after[0].lag, 0, "the urgent event was handled in the very next turn");
            slot.turn();
        }
        waited
    };
    assert_eq!(run(0), run(4_000));
    assert_eq!(run(4_000), vec![0; 100]);
}

#[test]
fn issue_4582_weighted_lanes_get_their_shares_within_one_batch() {
    let weights = vec![5, 3, 1];
    let (md, mut publishers) = lanes(LanePolicy::Weighted(weights.clone()), &[1 << 14; 3]);
    let mut slot = md.slot("desk").turn_limit(100).attach_here(Seen::default()).unwrap();
    for publisher in &mut publishers {
        fill(publisher, 0..1 << 14);
    }
    let batch = 100.0;
    for _ in 0..100 {
        assert!(slot.turn());
        let lanes = slot.handle().lanes();
        let all: u64 = lanes.iter().map(|lane| lane.delivered).sum();
        for (lane, weight) in lanes.iter().zip(&weights) {
            let due = all as f64 * f64::from(*weight) / 9.0;
            assert!((lane.delivered as f64 - due).abs() <= batch, "{weights:?}: {lanes:?}");
        }
    }
    assert_adds_up(slot.handle());
}

// --- a slot as any other --------------------------------------------------------------------------------------------------

#[test]
fn issue_4582_bytes_are_those_of_the_event_in_its_lane() {
    struct Bytes(Vec<(usize, Vec<u8>)>);
    impl Handler for Bytes {
        fn on_event(&mut self, _: &Event, ctx: &mut Context) -> Outcome {
            self.0.push((ctx.lane(), ctx.bytes().to_vec()));
            Outcome::Done
        }
    }
    let mut builder = Lanes::<Events>::builder("md");
    let mut first = builder.single_with_bytes(64, 4_096).unwrap();
    let mut second = builder.many(64).unwrap();
    let mut third = builder.single_with_bytes(64, 4_096).unwrap();
    let md = builder.build().unwrap();
    let mut slot = md.slot("desk").turn_limit(1).attach_here(Bytes(Vec::new())).unwrap();
    for round in 0..3 {
        third.try_publish_with_bytes(0, &Quote { number: 3 }, &[3, round]).unwrap();
        second.try_publish(0, &Quote { number: 2 }).unwrap();
        first.try_publish_with_bytes(0, &Quote { number: 1 }, &[1, round]).unwrap();
        while slot.turn() {}
    }
    let round = |round| [(0, vec![1, round]), (1, vec![]), (2, vec![3, round])];
    assert_eq!(slot.detach().unwrap().0, [round(0), round(1), round(2)].concat());
}

#[test]
fn a_slot_after_another_runs_after_it_lane_by_lane() {
    let (md, mut publishers) = lanes(strict(100), &[64, 64]);
    let mut first = md.slot("first").turn_limit(1).attach_here(Seen::default()).unwrap();
    let only = md.lanes()[1].slot("only").attach_here(Seen::default()).unwrap();
    let after = md.slot("second").after(first.handle().id()).after(only.handle().id());
    let mut second = after.attach_here(Seen::default()).unwrap();
    publishers[1].try_publish(0, &Quote { number: 1 }).unwrap();
    publishers[0].try_publish(0, &Quote { number: 0 }).unwrap();
    assert!(!second.turn());
    assert!(first.turn());
    assert!(second.turn(), "lane 0 is done by the one slot of lane 0 that it runs after");
    assert!(first.turn());
    assert!(!second.turn(), "lane 1 is also to be done by a slot of that lane alone");
    let mut only = only;
    assert!(only.turn() && second.turn());
    // One that is in a single lane runs after a slot of all lanes in that lane.
    let place = second.handle().lanes()[1].place;
    let mut third = md.lanes()[1].slot("third").after(place).attach_here(Seen::default()).unwrap();
    publishers[1].try_publish(0, &Quote { number: 2 }).unwrap();
    assert!(!third.turn());
    assert!(first.turn() && only.turn() && second.turn() && third.turn());
    assert_eq!(seen(second), [(0, 0, 0), (1, 0, 1), (1, 1, 2)]);
    let gone = md.slot("late").after(place).attach_here(Seen::default()).err().unwrap();
    assert!(matches!(gone, AttachError::AfterMissing { .. }), "{gone}");
}

#[test]
fn a_laned_slot_ends_when_all_its_lanes_are_closed_and_read() {
    let (md, mut publishers) = lanes(strict(100), &[64, 64]);
    let mut slot = md.slot("desk").attach_here(Seen::default()).unwrap();
    publishers[1].try_publish(0, &Quote { number: 1 }).unwrap();
    drop(publishers.remove(0));
    while slot.turn() {}
    assert!(!slot.is_done(), "lane 1 is open");
    publishers[0].try_publish(0, &Quote { number: 2 }).unwrap();
    drop(publishers);
    while slot.turn() {}
    assert!(slot.is_done());
    assert_eq!(slot.handle().state(), SlotState::Stopped);
    assert_eq!(md.lanes().iter().map(|lane| lane.attached()).collect::<Vec<_>>(), [0, 0], "both places are free");
    assert_adds_up(slot.handle());
}

#[test]
fn a_slot_that_joins_late_accounts_from_where_each_lane_was() {
    let (md, mut publishers) = lanes(strict(100), &[64, 64]);
    fill(&mut publishers[0], 0..5);
    fill(&mut publishers[1], 0..9);
    let mut slot = md.slot("late").tags(tags![Halt]).attach_here(Seen::default()).unwrap();
    publishers[1].try_publish(0, &Quote { number: 9 }).unwrap();
    publishers[1].try_publish(0, &Halt { reason: 7 }).unwrap();
    // A hole: a claim that is given up.
    drop(publishers[0].batch(2).unwrap());
    while slot.turn() {}
    assert_adds_up(slot.handle());
    let (lanes, progress) = (slot.handle().lanes(), slot.handle().progress());
    assert_eq!((lanes[0].joined, lanes[1].joined), (5, 9));
    assert_eq!((lanes[1].filtered, lanes[1].delivered, lanes[1].position), (1, 1, 11));
    assert_eq!((progress.position, progress.published, progress.is_behind()), (md.published(), md.published(), false));
    assert_eq!(seen(slot), [(1, 10, 7)]);
}

/// Panics over every event with this number.
struct Fragile(u64, Vec<(usize, u64)>);

impl Handler for Fragile {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        let number = event.get::<Quote>().unwrap().number;
        if ctx.attempt() == 1 {
            assert_ne!(number, self.0, "the wrong number");
        }
        self.1.push((ctx.lane(), number));
        Outcome::Done
    }
}

#[test]
fn issue_4582_a_panic_takes_one_event_of_its_lane_which_comes_back_with_it() {
    let (md, mut publishers) = lanes(strict(100), &[64, 64]);
    let letters = DeadLetters::of_lanes(&md, 8).unwrap();
    assert_eq!(letters.bus(), "md".into());
    let slot = md.slot("desk").policy(PanicPolicy::Skip).dead_letters(&letters);
    let mut slot = slot.attach_here(Fragile(13, Vec::new())).unwrap();
    for publisher in &mut publishers {
        fill(publisher, 12..15);
    }
    while slot.turn() {}
    assert_adds_up(slot.handle());
    let stats = slot.handle().lanes();
    assert_eq!(stats.iter().map(|lane| (lane.delivered, lane.dead)).collect::<Vec<_>>(), [(2, 1), (2, 1)]);
    let kept = letters.peek(8);
    assert_eq!(kept.iter().map(|letter| (letter.lane, letter.sequence)).collect::<Vec<_>>(), [(0, 1), (1, 1)]);
    letters.redeliver(slot.handle(), 8, Duration::ZERO, |_| true).unwrap();
    while slot.turn() {}
    assert_adds_up(slot.handle());
    let handler = slot.detach().unwrap();
    assert_eq!(handler.1, [(0, 12), (0, 14), (1, 12), (1, 14), (0, 13), (1, 13)]);
}

/// Sticks in the event with this number until it is let go.
struct Stuck {
    number: u64,
    is_in: Arc<AtomicBool>,
    go: Arc<AtomicBool>,
}

impl Handler for Stuck {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        if event.get::<Quote>().unwrap().number == self.number {
            self.is_in.store(true, Ordering::SeqCst);
            wait_until("it is let go", || self.go.load(Ordering::SeqCst));
        }
        Outcome::Done
    }
}

#[test]
fn issue_4582_a_stuck_slot_that_is_quarantined_frees_all_its_lanes() {
    for stuck_in in [0, 1] {
        let (md, mut publishers) = lanes(strict(100), &[16, 16]);
        let thread = SlotThread::builder("stuck").start().unwrap();
        let (is_in, go) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let handler = Stuck { number: 99, is_in: Arc::clone(&is_in), go: Arc::clone(&go) };
        let slot = md.slot("desk").attach(&thread, handler).unwrap();
        publishers[stuck_in].try_publish(0, &Quote { number: 1 }).unwrap();
        publishers[stuck_in].try_publish(0, &Quote { number: 99 }).unwrap();
        wait_until("it is stuck", || is_in.load(Ordering::SeqCst));
        let at = slot.handling();
        assert_eq!(at.map(|(sequence, tag)| (sequence, tag.get())), Some((1, 1)));
        for publisher in &mut publishers {
            while publisher.try_publish(0, &Quote { number: 2 }).is_ok() {}
        }
        assert!(slot.quarantine());
        assert_eq!(slot.state(), SlotState::Quarantined);
        for publisher in &mut publishers {
            fill(publisher, 0..100);
        }
        assert!(!slot.is_done());
        go.store(true, Ordering::SeqCst);
        drop(slot.join(LIMIT).unwrap());
        assert_eq!(md.lanes().iter().map(|lane| lane.attached()).collect::<Vec<_>>(), [0, 0]);
        assert_adds_up(slot.view());
    }
}

#[test]
fn issue_4582_a_parked_slot_wakes_for_any_of_its_lanes() {
    let (md, mut publishers) = lanes(strict(100), &[64, 64, 64]);
    let thread = SlotThread::builder("parked").start().unwrap();
    let slot = md.slot("desk").wait(WaitStrategy::SpinThenPark).attach(&thread, Seen::default()).unwrap();
    for round in 0..5 {
        for (lane, publisher) in publishers.iter_mut().enumerate() {
            let parks = thread.stats().parks;
            wait_until("it parks", || thread.stats().parks > parks);
            publisher.try_publish(0, &Quote { number: round }).unwrap();
            wait_until("it has woken", || slot.lanes()[lane].delivered == round + 1);
        }
    }
    slot.set_wait_strategy(WaitStrategy::SpinThenYield);
    drop(publishers);
    assert_eq!(slot.join(LIMIT).unwrap().0.len(), 15);
}

#[test]
fn a_detached_slot_gives_back_its_place_in_every_lane() {
    let (md, mut publishers) = lanes(strict(100), &[8, 8]);
    let thread = SlotThread::builder("desk").start().unwrap();
    let slot = md.slot("desk").attach(&thread, Seen::default()).unwrap();
    slot.detach(LIMIT).unwrap();
    for publisher in &mut publishers {
        fill(publisher, 0..100);
    }
    assert_eq!(slot.lanes().len(), 2, "its counts outlive it");
}

// --- bad input ------------------------------------------------------------------------------------------------------------

#[test]
fn what_is_wrong_with_lanes_is_said_with_its_code() {
    let mut five = Lanes::<Events>::builder("md");
    (0..4).for_each(|_| drop(five.single(8).unwrap()));
    let count = five.single(8).map(drop).unwrap_err();
    assert_eq!(count, LanesError::Count { bus: "md".into(), lanes: 5 });
    assert_eq!(count.to_string(), "bus md: 5 lanes; a bus has 1 to 4; give what is equally urgent one lane [TR-0991]");
    assert_eq!(Lanes::<Events>::builder("md").build().map(drop).unwrap_err().code(), "TR-0991");
    let build = |policy| {
        let mut two = Lanes::<Events>::builder("md").policy(policy);
        (0..2).for_each(|_| drop(two.single(8).unwrap()));
        two.build().map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(
        build(LanePolicy::Weighted(vec![1, 2, 3])),
        Err("bus md: weights [1, 2, 3] for 2 lanes; give each lane one, from 1 to 1000 [TR-0992]".into())
    );
    assert!(build(LanePolicy::Weighted(vec![1, 0])).is_err_and(|error| error.ends_with("[TR-0992]")));
    assert_eq!(build(strict(0)), Err("bus md: a starvation bound of 0 events; take 1 to 1073741824 [TR-0993]".into()));
    let ring = Lanes::<Events>::builder("md").single(3).map(drop).unwrap_err();
    assert_eq!(
        ring.to_string(),
        "bus md, lane 0: ring: capacity 3 is not a power of two from 2 to 4294967296; take 4 [TR-0401]"
    );
}

#[test]
fn a_slot_of_all_lanes_gates_and_says_so() {
    let (md, mut publishers) = lanes(strict(100), &[8, 8]);
    for overflow in [SlotOverflow::DropOldest, SlotOverflow::Conflate, SlotOverflow::CutOff] {
        let error = md.slot("desk").overflow(overflow).attach_here(Seen::default()).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "slot desk: the overflow `{overflow}` on a bus with lanes, whose slots gate; attach the slot to a single lane, or leave it at `gate` [TR-0990]"
            )
        );
    }
    // A slot of a single lane may have any policy.
    let lossy = md.lanes()[1].slot("screen").overflow(SlotOverflow::DropOldest).attach_here(Seen::default()).unwrap();
    let after = md.slot("desk").after(lossy.handle().id()).attach_here(Seen::default()).err().unwrap();
    assert!(matches!(after, AttachError::AfterLossy { .. }), "{after}");
    assert_eq!(md.lanes().iter().map(|lane| lane.attached()).collect::<Vec<_>>(), [0, 1], "nothing is left of it");
    // A full lane says which it is, and who holds it.
    let desk = md.slot("desk").attach_here(Seen::default()).unwrap();
    let full = (0..100).find_map(|number| publishers[0].try_publish(0, &Quote { number }).err()).unwrap();
    assert!(full.is_full() && full.to_string().starts_with("bus md.0, held by slot desk"), "{full}");
    assert!(publishers[1].try_publish(0, &Quote { number: 0 }).is_ok(), "the other lane is not concerned");
    drop(desk);
}

// --- at random ------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish { lane: usize, events: u64 },
    Turn,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let publish = (0..4_usize, 1..70_u64).prop_map(|(lane, events)| Step::Publish { lane, events });
    prop::collection::vec(prop_oneof![1 => publish, 2 => Just(Step::Turn)], 1..200)
}

fn policies() -> impl Strategy<Value = LanePolicy> {
    prop_oneof![(1_u64..100).prop_map(strict), prop::collection::vec(1_u32..20, 4).prop_map(LanePolicy::Weighted),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 256 }))]

    #[test]
    fn issue_4582_at_random_each_lane_keeps_its_order_nothing_is_lost_and_the_bound_holds(
        policy in policies(),
        count in 1_usize..=4,
        many in prop::collection::vec(any::<bool>(), 4),
        limit in 1_usize..40,
        steps in steps(),
    ) {
        let policy = match policy {
            LanePolicy::Weighted(weights) => LanePolicy::Weighted(weights[..count].to_vec()),
            strict => strict,
        };
        let mut builder = Lanes::<Events>::builder("md").policy(policy.clone());
        let mut ports: Vec<Port> = many[..count]
            .iter()
            .map(|many| if *many { Port::Many(builder.many(256).unwrap()) } else { Port::One(builder.single(256).unwrap()) })
            .collect();
        let md = builder.build().unwrap();
        let mut slot = md.slot("desk").turn_limit(limit).attach_here(Seen::default()).unwrap();
        // A turn takes a quarter of a ring at most, which is more than its limit.
        let mut published = vec![0_u64; count];
        let (mut waited, mut longest) = (vec![0_u64; count], vec![0_u64; count]);
        for step in steps {
            match step {
                Step::Publish { lane, events } => {
                    let lane = lane % count;
                    for _ in 0..events {
                        if ports[lane].quote(published[lane]).is_err() {
                            break;
                        }
                        published[lane] += 1;
                    }
                }
                Step::Turn => {
                    let before = slot.handle().lanes();
                    let was_busy = slot.turn();
                    let after = slot.handle().lanes();
                    prop_assert_eq!(was_busy, before.iter().any(|lane| lane.lag > 0));
                    let events: u64 = after.iter().zip(&before).map(|(after, before)| after.position - before.position).sum();
                    for lane in 0..count {
                        if after[lane].position > before[lane].position || before[lane].lag == 0 {
                            waited[lane] = 0;
                        } else {
                            waited[lane] += events;
                            longest[lane] = longest[lane].max(waited[lane]);
                        }
                    }
                }
            }
        }
        for (lane, longest) in longest.into_iter().enumerate() {
            let bound = policy.wait_max(lane, count, limit);
            prop_assert!(longest <= bound, "lane {} waited for {} events of {}", lane, longest, bound);
        }
        drop(ports);
        while slot.turn() {}
        assert_adds_up(slot.handle());
        let seen = seen(slot);
        for (lane, published) in published.iter().enumerate() {
            let of_lane: Vec<_> = seen.iter().filter(|event| event.0 == lane).map(|event| event.2).collect();
            prop_assert_eq!(of_lane, (0..*published).collect::<Vec<_>>());
        }
    }
}
