//! All of the ring at once, on real threads: publishers one by one, in batches and by claims that are filled in part; gating readers in a
//! chain; one that comes and goes; one that parks; one that is revoked in its turn, again and again; one that publishers take events from; lossy ones; strategies changed all the while. Every event carries its publisher, its
//! number and a check word, so that a lost, doubled, torn or disordered one is found where it is read.
//!
//! A program of its own (no test harness), so that sanitizers see nothing else. `TAGRING_STRESS_SECONDS` sets its length: 3 by default.
//!
//! That the ThreadSanitizer sees this code was tried. Each of these weakenings made it report a data race between `Words::store` and the
//! reader's check within the first second: the stamp stored `Relaxed` in `Cell::publish`; the stamp loaded `Relaxed` in `Cell::look`; a
//! reader's sequence stored `Relaxed` in `Places::store`; the horizon loaded `Relaxed` in `Shared::look`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tagring::ring::{
    BoundReader, Copied, EvictableReader, LossyReader, Polled, Publisher, Ring, SharedPublisher, Spill, Turn,
    WaitStrategy,
};

/// Publisher, number, and both mixed.
type Value = [u64; 4];

/// No thread is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

fn value(publisher: u64, number: u64) -> Value {
    [publisher, number, publisher << 56 ^ number, !number]
}

fn check(event: &Value) {
    let [publisher, number, mixed, inverse] = *event;
    assert_eq!((mixed, inverse), (publisher << 56 ^ number, !number), "torn: {event:?}");
}

/// A fixed sequence of small numbers (xorshift; Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Both kinds of publisher.
trait Publish: Send + 'static {
    fn single(&mut self, value: Value) -> bool;
    fn batch(&mut self, values: &[Value]) -> bool;
    /// Claims room for more than `values` and leaves the rest.
    fn claim(&mut self, values: &[Value], more: usize) -> bool;
}

macro_rules! publish {
    ($name:ident) => {
        impl Publish for $name<Value> {
            fn single(&mut self, value: Value) -> bool {
                self.publish_timeout(value, Duration::from_millis(1)).is_ok()
            }
            fn batch(&mut self, values: &[Value]) -> bool {
                self.try_publish_batch(values).is_ok()
            }
            fn claim(&mut self, values: &[Value], more: usize) -> bool {
                let Ok(mut claim) = self.try_claim(values.len() + more) else { return false };
                values.iter().for_each(|value| claim.push(*value));
                claim.publish();
                true
            }
        }
    };
}
publish!(Publisher);
publish!(SharedPublisher);

/// Publishes until told to stop; returns how many.
fn publish(mut publisher: impl Publish, id: u64, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let (mut next, mut dice) = (0, Dice(id + 1));
        while !stop.load(Ordering::Relaxed) {
            let values: Vec<Value> = (next..next + 1 + dice.below(20)).map(|number| value(id, number)).collect();
            let done = match dice.below(8) {
                0..4 => values[..1].iter().filter(|value| publisher.single(**value)).count(),
                4..6 => {
                    if publisher.batch(&values) {
                        values.len()
                    } else {
                        0
                    }
                }
                _ => {
                    if publisher.claim(&values, dice.below(4) as usize) {
                        values.len()
                    } else {
                        0
                    }
                }
            };
            if done == 0 {
                std::thread::yield_now();
            }
            next += done as u64;
        }
        next
    })
}

/// What one reader has seen of each publisher: the next number expected.
#[derive(Default, Clone, Debug)]
struct Seen([Option<u64>; 2]);

impl Seen {
    /// `gaps`: numbers may be missing, but never come again.
    fn take(&mut self, event: &Value, gaps: bool) {
        check(event);
        let expected = &mut self.0[event[0] as usize];
        match *expected {
            Some(next) if gaps => assert!(event[1] >= next, "again: {event:?}, expected {next}"),
            Some(next) => assert_eq!(event[1], next, "{event:?}"),
            None => {}
        }
        *expected = Some(event[1] + 1);
    }
}

/// Reads on a thread of its own until the ring is closed and read to its end.
fn read_all(
    name: &'static str,
    ring: &Ring<Value>,
    reader: tagring::ring::Reader<Value>,
    mut each: impl FnMut(u64) + Send + 'static,
) -> JoinHandle<Seen> {
    let (ring, id) = (ring.clone(), reader.id());
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            let mut reader: BoundReader<Value> = reader.bind();
            let (mut seen, mut dice, mut moved) = (Seen::default(), Dice(99), Instant::now());
            while !reader.is_finished() {
                let covered = reader.poll(1 + dice.below(64) as usize, |event, sequence, _| {
                    seen.take(event, false);
                    each(sequence);
                });
                if covered > 0 {
                    moved = Instant::now();
                } else {
                    assert!(moved.elapsed() < PATIENCE || ring.is_closed(), "{name} ({id}) sees nothing");
                    std::thread::yield_now();
                }
            }
            seen
        })
        .unwrap()
}

/// Comes, reads a little, goes, again and again.
fn come_and_go(ring: &Ring<Value>, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let ring = ring.clone();
    std::thread::spawn(move || {
        let mut visits = 0;
        while !stop.load(Ordering::Relaxed) {
            let mut reader = ring.attach().unwrap();
            let mut seen = Seen::default();
            for _ in 0..visits % 7 {
                if let Polled::Batch(batch) = reader.poll(16) {
                    batch.iter().for_each(|(_, event)| seen.take(event, false));
                    batch.commit();
                }
                std::thread::yield_now();
            }
            drop(reader);
            visits += 1;
        }
        visits
    })
}

/// Reads a little, hangs in an event until it was revoked and publishers have gone on, leaves, again and again. What it borrows stays whole.
fn hang_and_be_revoked(ring: &Ring<Value>, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let ring = ring.clone();
    std::thread::spawn(move || {
        let mut revoked = 0;
        while !stop.load(Ordering::Relaxed) {
            let mut reader = ring.attach().unwrap().bind();
            let (id, turns) = (reader.id(), revoked % 5);
            let revoker = std::thread::spawn({
                let ring = ring.clone();
                move || {
                    (0..turns * 50).for_each(|_| std::thread::yield_now());
                    assert!(ring.revoke(id));
                }
            });
            while !reader.is_revoked() {
                reader.turn(16, |turn| hang(&ring, turn, &stop));
            }
            revoker.join().unwrap();
            assert_eq!(reader.turn(16, |_| panic!("a revoked reader takes no turn")), 0);
            drop(reader);
            revoked += 1;
        }
        revoked
    })
}

/// Holds the first event of a turn for a while, then looks at all of them.
fn hang(ring: &Ring<Value>, turn: &mut Turn<'_, Value>, stop: &AtomicBool) {
    let Some((event, sequence, _)) = turn.next() else { return };
    let (before, ahead) = (*event, ring.capacity() as u64 * 3);
    check(&before);
    let since = Instant::now();
    while ring.published() < sequence + ahead
        && since.elapsed() < Duration::from_millis(5)
        && !stop.load(Ordering::Relaxed)
    {
        std::thread::yield_now();
        assert_eq!(*event, before, "written while it was borrowed");
    }
    let mut seen = Seen::default();
    while let Some((event, ..)) = turn.next() {
        seen.take(event, true);
    }
}

/// What publishers took from a reader: how many sequences, from where to where.
#[derive(Default)]
struct Taken {
    count: u64,
    from: Option<u64>,
    to: u64,
    seen: Seen,
}

impl Spill<Value> for Taken {
    fn may_take(&self, _: &Value) -> bool {
        true
    }

    fn take(&mut self, sequence: u64, event: Option<&Value>) {
        event.into_iter().for_each(|event| self.seen.take(event, true));
        self.from.get_or_insert(sequence);
        assert!(sequence >= self.to, "taken again: {sequence}");
        (self.count, self.to) = (self.count + 1, sequence + 1);
    }
}

/// Claims a little and dawdles, so that publishers take the most of it, and now and then is replaced by another one. Every sequence is had once, here or in
/// the spill.
fn be_evicted(ring: &Ring<Value>, stop: Arc<AtomicBool>) -> JoinHandle<(u64, u64)> {
    let ring = ring.clone();
    std::thread::spawn(move || {
        let (mut claimed, mut taken, mut dice) = (0, 0, Dice(5));
        while !stop.load(Ordering::Relaxed) {
            let mut reader = ring.attach().unwrap().bind_evictable(Taken::default());
            let start = reader.position();
            let (mut had, mut lost, mut seen) = (0, 0, Seen::default());
            for _ in 0..20 + dice.below(200) {
                had += claim(&mut reader, &mut seen, dice.below(64) as usize);
                if reader.has_lost()
                    && let Ok(spill) = reader.exchange(Box::default())
                {
                    lost += spill.count;
                }
                if dice.below(4) == 0 {
                    std::thread::sleep(Duration::from_micros(20));
                }
            }
            // What is in the spill by now lies below what the next claim finds.
            loop {
                had += claim(&mut reader, &mut seen, 1);
                let position = reader.position();
                if let Ok(spill) = reader.exchange(Box::default()) {
                    lost += spill.count;
                    if reader.position() == position && start + had + lost == position {
                        break;
                    }
                }
                assert!(start + had + lost <= ring.published(), "had twice");
                std::thread::yield_now();
                if stop.load(Ordering::Relaxed) && ring.is_closed() {
                    break;
                }
            }
            (claimed, taken) = (claimed + had, taken + lost);
        }
        (claimed, taken)
    })
}

fn claim(reader: &mut EvictableReader<Value, Taken>, seen: &mut Seen, limit: usize) -> u64 {
    let mut copies = Vec::new();
    let count = reader.claim(limit, &mut copies, |_| true);
    copies.iter().filter_map(|(_, event)| event.as_ref()).for_each(|event| seen.take(event, true));
    assert!(copies.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
    count as u64
}

/// Copies what it can; nothing torn, nothing twice, and gaps that add up.
fn look_on(mut reader: LossyReader<Value>, events: Arc<AtomicU64>) -> JoinHandle<(u64, u64)> {
    std::thread::spawn(move || {
        let (mut seen, mut copied, mut next) = (Seen::default(), 0, reader.position());
        loop {
            match reader.poll() {
                Copied::Event { sequence, event } => {
                    seen.take(&event, true);
                    assert!(sequence >= next, "{sequence} after {next}");
                    (next, copied) = (sequence + 1, copied + 1);
                    events.store(copied, Ordering::Relaxed);
                }
                Copied::Gap { from, to } => {
                    assert!(from >= next && to > from);
                    next = to;
                }
                Copied::Empty => std::thread::yield_now(),
                Copied::Closed => return (copied, reader.lost()),
            }
        }
    })
}

/// Sleeps between events.
fn park(ring: &Ring<Value>) -> JoinHandle<Seen> {
    let mut reader = ring.attach().unwrap();
    reader.set_wait_strategy(WaitStrategy::SpinThenPark);
    std::thread::spawn(move || {
        let mut seen = Seen::default();
        loop {
            reader.wait_timeout(PATIENCE);
            match reader.poll(1_000) {
                Polled::Batch(batch) => {
                    batch.iter().for_each(|(_, event)| seen.take(event, false));
                    batch.commit();
                }
                Polled::Empty => {}
                Polled::Closed => return seen,
            }
        }
    })
}

fn run<P: Publish>(name: &str, ring: &Ring<Value>, publishers: Vec<P>, length: Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let upstream_at = Arc::new(AtomicU64::new(0));
    let first = ring.attach().unwrap();
    let second = ring.attach_after(&[first.id()]).unwrap();
    let (first_id, parked) = (first.id(), park(ring));
    let copied = Arc::new(AtomicU64::new(0));
    let lossy = look_on(ring.lossy(), Arc::clone(&copied));
    let shown = Arc::clone(&upstream_at);
    let chain = [
        read_all("first", ring, first, move |sequence| shown.store(sequence + 1, Ordering::Relaxed)),
        // Relaxed is enough: the ring's own hand-over orders what the first reader did before what the second sees.
        read_all("second", ring, second, move |sequence| assert!(upstream_at.load(Ordering::Relaxed) > sequence)),
    ];
    let visitor = come_and_go(ring, Arc::clone(&stop));
    let hung = hang_and_be_revoked(ring, Arc::clone(&stop));
    let evicted = be_evicted(ring, Arc::clone(&stop));
    let writers: Vec<_> =
        publishers.into_iter().zip(0..).map(|(publisher, id)| publish(publisher, id, Arc::clone(&stop))).collect();
    let (start, mut dice) = (Instant::now(), Dice(7));
    while start.elapsed() < length {
        let strategy =
            [WaitStrategy::Spin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark][dice.below(3) as usize];
        ring.set_wait_strategy(first_id, strategy);
        std::thread::sleep(Duration::from_millis(1));
    }
    stop.store(true, Ordering::Relaxed);
    let published: Vec<u64> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    let expected: Vec<Option<u64>> = published.iter().map(|&count| (count > 0).then_some(count)).collect();
    for reader in chain.into_iter().chain([parked]) {
        let seen = reader.join().unwrap();
        assert_eq!(seen.0[..published.len()], expected, "all of it, to the end");
    }
    let (visits, revoked) = (visitor.join().unwrap(), hung.join().unwrap());
    let (copied, lost) = lossy.join().unwrap();
    let (claimed, taken) = evicted.join().unwrap();
    assert!(published.iter().all(|&count| count > 0) && visits > 0 && revoked > 0 && claimed > 0);
    assert_eq!(ring.readers().count(), 0, "everyone has gone");
    println!(
        "{name}: {published:?} published, 3 readers saw all; {visits} visits; {revoked} revoked; {claimed} claimed and {taken} taken; lossy: {copied} copied, {lost} lost"
    );
}

fn main() {
    let seconds =
        std::env::var("TAGRING_STRESS_SECONDS").map_or(3.0, |text| text.parse().expect("a number of seconds"));
    let length = Duration::from_secs_f64(seconds / 4.0);
    for capacity in [8, 1024] {
        let (ring, publisher) = Ring::single(capacity).unwrap();
        run(&format!("one publisher, {capacity} cells"), &ring, vec![publisher], length);
        let (ring, one) = Ring::many(capacity).unwrap();
        let two = one.clone();
        run(&format!("two publishers, {capacity} cells"), &ring, vec![one, two], length);
    }
}
