//! Keys of a slot: what it is given, where and how.

use super::house::{
    Beginner, Count, Doing, Events, Gate, OpenAtLast, Quote, SOON, Trade, config, eventually, runtime, slot,
};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;
use tagring::runtime::config::{MeasureChoice, SlotConfig};

#[test]
pub(crate) fn issue_4570_tags() {
    for (tags, delivered) in [(vec![], 2), (vec!["Trade".to_owned()], 1)] {
        let runtime = runtime(config(64, &[("s", SlotConfig { tags, ..slot() })]));
        let md = runtime.bus::<Events>("md").unwrap();
        let s = md.attach("s", Count::default()).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let _running = runtime.start().unwrap();
        publisher.publish(0, &Trade { qty: 1 }).unwrap();
        publisher.publish(0, &Quote { bid: 1, ask: 2 }).unwrap();
        eventually("both have passed", || s.handle().unwrap().stats().position == 2);
        let stats = s.handle().unwrap().stats();
        assert_eq!((stats.delivered, stats.filtered), (delivered, 2 - delivered));
    }
}

#[test]
pub(crate) fn issue_4570_thread() {
    for thread in ["slots", "fast"] {
        let runtime = runtime(config(64, &[("s", SlotConfig { thread: thread.into(), ..slot() }), ("t", slot())]));
        let md = runtime.bus::<Events>("md").unwrap();
        let [s, t] = ["s", "t"].map(|name| md.attach(name, Count::default()).unwrap());
        let running = runtime.start().unwrap();
        let on = running.snapshot().slot("md", "s").unwrap().thread.unwrap();
        assert_eq!(on.as_str(), thread);
        let same = s.handle().unwrap().thread_id() == t.handle().unwrap().thread_id();
        assert_eq!(same, thread == "slots");
    }
}

#[test]
pub(crate) fn issue_4570_after() {
    for after in [vec![], vec!["first".to_owned()]] {
        let behind = SlotConfig { after: after.clone(), thread: "second".into(), ..slot() };
        let beside = SlotConfig { thread: "third".into(), ..slot() };
        let runtime = runtime(config(64, &[("first", slot()), ("behind", behind), ("beside", beside)]));
        let md = runtime.bus::<Events>("md").unwrap();
        let gate = Gate::default();
        let _open = OpenAtLast(gate.clone());
        let held = gate.clone();
        let hold = move |_| {
            held.wait();
            Outcome::Done
        };
        md.attach("first", Doing::new(hold)).unwrap();
        let [behind, beside] = ["behind", "beside"].map(|name| md.attach(name, Count::default()).unwrap());
        let mut publisher = md.publisher("p").unwrap();
        let _running = runtime.start().unwrap();
        publisher.publish(0, &Trade { qty: 1 }).unwrap();
        eventually("the first is held", || gate.arrivals() == 1);
        let delivered = |slot: &tagring::runtime::Attachment<Count>| slot.handle().unwrap().stats().delivered;
        eventually("who waits for nobody has it", || delivered(&beside) == 1);
        if after.is_empty() {
            eventually("neither does this one", || delivered(&behind) == 1);
        } else {
            assert_eq!(delivered(&behind), 0, "not before the first is done");
        }
        gate.open();
        eventually("all have it", || delivered(&behind) == 1);
    }
}

#[test]
pub(crate) fn issue_4570_measure() {
    let mut memory = Vec::new();
    for measure in [MeasureChoice::Off, MeasureChoice::Slot, MeasureChoice::SlotAndTags] {
        let runtime = runtime(config(64, &[("s", SlotConfig { measure, ..slot() })]));
        let md = runtime.bus::<Events>("md").unwrap();
        let s = md.attach("s", Count::default()).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let running = runtime.start().unwrap();
        publisher.publish(0, &Trade { qty: 1 }).unwrap();
        let handle = s.handle().unwrap();
        eventually("it is handled", || handle.stats().position == 1);
        let counts = || {
            let latencies = handle.latencies();
            (latencies.service.count(), latencies.tags.iter().map(|tag| tag.service.count()).collect::<Vec<_>>())
        };
        let expected = match measure {
            MeasureChoice::Off => (0, vec![]),
            MeasureChoice::Slot => (1, vec![]),
            MeasureChoice::SlotAndTags => (1, vec![1, 0]),
        };
        eventually("it is measured", || counts() == expected);
        memory.push(running.snapshot().bus("md").unwrap().memory_bytes);
    }
    assert!(memory.is_sorted_by(|a, b| a < b), "what is measured takes memory, and is counted: {memory:?}");
}

/// Tells the length of each batch; held at its first event.
struct Batches {
    gate: Gate,
    events: u64,
    say: Sender<u64>,
}

impl Handler for Batches {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        self.gate.wait();
        self.events += 1;
        Outcome::Done
    }
    fn on_batch_end(&mut self, _: &mut Context) {
        let _ = self.say.send(std::mem::take(&mut self.events));
    }
}

#[test]
pub(crate) fn issue_4570_turn_limit_events() {
    for turn_limit_events in [4, 32] {
        let runtime = runtime(config(256, &[("s", SlotConfig { turn_limit_events, ..slot() })]));
        let md = runtime.bus::<Events>("md").unwrap();
        let gate = Gate::default();
        let _open = OpenAtLast(gate.clone());
        let (say, said) = channel();
        md.attach("s", Batches { gate: gate.clone(), events: 0, say }).unwrap();
        let mut publisher = md.publisher("p").unwrap();
        let _running = runtime.start().unwrap();
        publisher.publish(0, &Trade { qty: 0 }).unwrap();
        eventually("it is held", || gate.arrivals() == 1);
        // All lie there when it goes on.
        (1..=200).for_each(|qty| assert!(publisher.publish(0, &Trade { qty }).is_ok()));
        gate.open();
        let (mut seen, mut longest) = (0, 0);
        while seen < 201 {
            let batch = said.recv_timeout(SOON).unwrap();
            seen += batch;
            longest = longest.max(batch);
        }
        assert_eq!(longest, u64::from(turn_limit_events));
    }
}

/// Tells how much scratch memory it has before it has used any.
struct Scratch(Sender<usize>);

impl Handler for Scratch {
    fn on_start(&mut self, context: &mut Context) {
        let _ = self.0.send(context.scratch().chunk_capacity());
    }
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

#[test]
pub(crate) fn issue_4570_scratch_bytes() {
    let sizes = [0, 100_000, 400_000];
    let had = sizes.map(|scratch_bytes| {
        let runtime = runtime(config(64, &[("s", SlotConfig { scratch_bytes, ..slot() })]));
        let (say, said) = channel();
        runtime.bus::<Events>("md").unwrap().attach("s", Scratch(say)).unwrap();
        let _running = runtime.start().unwrap();
        said.recv_timeout(SOON).unwrap() as u64
    });
    assert_eq!(had[0], 0);
    assert!(sizes.iter().zip(had).all(|(size, had)| had >= *size) && had[1] < 400_000, "{had:?}");
}

#[test]
pub(crate) fn issue_4570_start_timeout_ms() {
    let late = |in_init| if in_init { "TR-0822" } else { "TR-0615" };
    for (in_init, start_timeout_ms) in [(true, 5), (false, 5), (true, 60_000), (false, 60_000)] {
        let runtime = runtime(config(64, &[("s", SlotConfig { start_timeout_ms, ..slot() })]));
        let gate = Gate::default();
        let _open = OpenAtLast(gate.clone());
        let held = gate.clone();
        // Longer than the short limit, for ever if that is it.
        let takes_its_time = move || {
            let since = Instant::now();
            while since.elapsed() < Duration::from_millis(20) {
                std::thread::sleep(Duration::from_millis(5));
            }
            if start_timeout_ms == 5 {
                held.wait();
            }
        };
        let beginner = match in_init {
            true => Beginner {
                init: Some(Box::new(move || {
                    takes_its_time();
                    Ok(())
                })),
                start: None,
            },
            false => Beginner { init: None, start: Some(Box::new(takes_its_time)) },
        };
        runtime.bus::<Events>("md").unwrap().attach("s", beginner).unwrap();
        let failed = runtime.start().err();
        gate.open();
        let codes: Vec<_> = failed.iter().flat_map(|failure| &failure.errors).map(|error| error.code()).collect();
        assert_eq!(codes, Vec::from_iter((start_timeout_ms == 5).then_some(late(in_init))));
    }
}
