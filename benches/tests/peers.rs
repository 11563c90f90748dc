//! What keeps the comparison honest: every peer passes every event once and in order, through the same traits that are measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tagring_benches::peer::{Graph, ManyToOne, Outlet, Peer, Polled, Receiver, Sender, Shape, Waiting};
use tagring_benches::peers::{
    CrossbeamChannel, CrossbeamQueue, Disruptor, Each, Flume, KanalBlocking, KanalPolled, Queues, RtrbChunks,
    RtrbPushPop, Tagring, Thingbuf, TokioMpsc,
};

const CAPACITY: usize = 64;
const BATCH: u64 = 8;
const EVENTS: u64 = 1_600;
const SOON: Duration = Duration::from_secs(30);

/// A bound for a wait that must end.
struct Patience(Instant);

impl Patience {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn wait(&self, what: &str) {
        assert!(self.0.elapsed() < SOON, "no end of {what}");
        std::thread::yield_now();
    }
}

/// Sends `first..end` in every way there is, in turn, and yields.
fn send_all<const N: usize>(sender: &mut impl Sender<[u64; N]>, events: core::ops::Range<u64>, mark: u64) {
    let patience = Patience::start();
    let event = |i| {
        let mut event = [i; N];
        event[N - 1] = mark;
        event
    };
    let mut next = events.start;
    while next < events.end {
        if (next / BATCH).is_multiple_of(2) {
            if sender.try_send(event(next)) {
                next += 1;
                continue;
            }
        } else {
            let until = (next + BATCH - next % BATCH).min(events.end);
            let batch: Vec<_> = (next..until).map(event).collect();
            let went = sender.try_send_batch(&batch) as u64;
            next += went;
            if went > 0 {
                continue;
            }
        }
        patience.wait("sending");
    }
}

/// Reads until `count` events have come.
fn read_all<const N: usize>(receiver: &mut impl Polled<[u64; N]>, count: u64, mut handle: impl FnMut(&[u64; N])) {
    let patience = Patience::start();
    let mut got = 0;
    while got < count {
        let now = receiver.poll(&mut handle) as u64;
        got += now;
        if now == 0 {
            patience.wait("reading");
        }
    }
    assert_eq!(got, count, "more events than were sent");
}

fn one_to_one<P: Peer<[u64; N]>, const N: usize>() {
    let (sender, receiver) = P::pair(CAPACITY);
    let reader = std::thread::spawn(move || {
        let mut next = 0;
        read_all(&mut receiver.bind(), EVENTS, |event| {
            assert_eq!((event[0], event[N - 2], event[N - 1]), (next, next, 7));
            next += 1;
        });
        assert_eq!(next, EVENTS, "poll counts what it hands out");
    });
    let mut sender = sender.bind();
    send_all(&mut sender, 0..EVENTS, 7);
    reader.join().expect("every event, in order");
}

fn many_to_one<P: ManyToOne<[u64; N]>, const N: usize>() {
    const PUBLISHERS: u64 = 3;
    let (senders, receiver) = P::many(PUBLISHERS as usize, CAPACITY);
    assert_eq!(senders.len() as u64, PUBLISHERS);
    let reader = std::thread::spawn(move || {
        let mut next = [0; PUBLISHERS as usize];
        read_all(&mut receiver.bind(), PUBLISHERS * EVENTS, |event| {
            let publisher = event[N - 1] as usize;
            assert_eq!(event[0], next[publisher], "of publisher {publisher}");
            next[publisher] += 1;
        });
        assert_eq!(next, [EVENTS; PUBLISHERS as usize]);
    });
    std::thread::scope(|scope| {
        for (mark, sender) in (0..).zip(senders) {
            scope.spawn(move || send_all(&mut sender.bind(), 0..EVENTS, mark));
        }
    });
    reader.join().expect("every event, in the order of its publisher");
}

/// Whom each reader comes after.
fn before(shape: Shape) -> [&'static [usize]; Shape::READERS] {
    match shape {
        Shape::Broadcast => [&[], &[], &[]],
        Shape::Pipeline => [&[], &[0], &[1]],
        Shape::Diamond => [&[], &[], &[0, 1]],
    }
}

fn graph<G: Graph<[u64; N]>, const N: usize>(shape: Shape) {
    let (sender, receivers) = G::graph(shape, CAPACITY, Waiting::Yield);
    assert_eq!(receivers.len(), Shape::READERS);
    let handled: [AtomicU64; Shape::READERS] = Default::default();
    std::thread::scope(|scope| {
        for (reader, receiver) in receivers.into_iter().enumerate() {
            let handled = &handled;
            scope.spawn(move || {
                let mut next = 0;
                read_all(&mut receiver.bind(), EVENTS, |event| {
                    assert_eq!((event[0], event[N - 2]), (next, next), "{shape:?}, reader {reader}");
                    for &earlier in before(shape)[reader] {
                        let there = handled[earlier].load(Ordering::Acquire);
                        assert!(there > next, "{shape:?}: reader {reader} has {next}, reader {earlier} only {there}");
                    }
                    next += 1;
                    handled[reader].store(next, Ordering::Release);
                });
            });
        }
        send_all(&mut sender.bind(), 0..EVENTS, 7);
    });
    assert_eq!(handled.map(AtomicU64::into_inner), [EVENTS; Shape::READERS]);
}

/// A test for each peer: from one to one and, where it says `many`, from many to one.
macro_rules! peers {
    ($($name:ident: $peer:ty $(, $many:ident)?;)*) => {
        mod issue_4598_every_event_once_and_in_order {
            use super::*;
            $(#[test]
            fn $name() {
                one_to_one::<$peer, 4>();
                one_to_one::<$peer, 7>();
                $(
                    super::$many::<$peer, 4>();
                    super::$many::<$peer, 7>();
                )?
            })*
        }
    };
}
peers! {
    tagring: Tagring, many_to_one;
    disruptor: Disruptor, many_to_one;
    rtrb_push_pop: RtrbPushPop;
    rtrb_chunks: RtrbChunks;
    crossbeam_queue: CrossbeamQueue, many_to_one;
    crossbeam_channel: CrossbeamChannel, many_to_one;
    kanal_blocking: KanalBlocking, many_to_one;
    kanal_polled: KanalPolled, many_to_one;
    flume: Flume, many_to_one;
    thingbuf: Thingbuf, many_to_one;
    tokio: TokioMpsc, many_to_one;
}

#[cfg(feature = "iceoryx2")]
#[test]
fn issue_4598_iceoryx2_passes_every_event_once_and_in_order() {
    use tagring_benches::peers::Iceoryx2;
    one_to_one::<Iceoryx2, 4>();
    one_to_one::<Iceoryx2, 7>();
    many_to_one::<Iceoryx2, 4>();
    for shape in [Shape::Broadcast, Shape::Pipeline, Shape::Diamond] {
        graph::<Queues<Iceoryx2>, 7>(shape);
    }
}

#[test]
fn issue_4598_a_queue_for_each_publisher_passes_every_event() {
    many_to_one::<Each<Tagring>, 4>();
    many_to_one::<Each<RtrbChunks>, 7>();
}

/// A test for each structure, of all shapes.
macro_rules! graphs {
    ($($name:ident: $graph:ty;)*) => {
        mod issue_4598_every_reader_gets_every_event_in_its_turn {
            use super::*;
            $(#[test]
            fn $name() {
                for shape in [Shape::Broadcast, Shape::Pipeline, Shape::Diamond] {
                    graph::<$graph, 4>(shape);
                    graph::<$graph, 7>(shape);
                }
            })*
        }
    };
}
graphs! {
    tagring: Tagring;
    disruptor: Disruptor;
    rtrb_chunks: Queues<RtrbChunks>;
    rtrb_push_pop: Queues<RtrbPushPop>;
    crossbeam_queue: Queues<CrossbeamQueue>;
    crossbeam_channel: Queues<CrossbeamChannel>;
    kanal_blocking: Queues<KanalBlocking>;
    kanal_polled: Queues<KanalPolled>;
    flume: Queues<Flume>;
    thingbuf: Queues<Thingbuf>;
    tokio: Queues<TokioMpsc>;
}
