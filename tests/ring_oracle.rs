//! Random operations on a ring, against a plain model of it; and, for what both can do, against the `disruptor` crate.

use disruptor::Producer;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tagring::ring::{
    Copied, LossyReader, Polled, PublishError, Publisher, Reader, ReaderId, Ring, RingError, SharedPublisher,
};

#[derive(Clone, Debug)]
enum Operation {
    Publish,
    PublishWith,
    Batch(usize),
    /// Claim so many, fill so many, then drop the claim, publish it, or forget it.
    Claim(usize, usize, End),
    Attach,
    AttachAfter(usize, usize),
    Detach(usize),
    /// Poll with a limit and commit so many; `None`: drop the batch.
    Poll(usize, usize, Option<usize>),
    Lossy(u64),
    PollLossy(usize),
    Close,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Drop,
    Publish,
    Forget,
}

fn operation() -> impl Strategy<Value = Operation> {
    let end = prop_oneof![Just(End::Drop), Just(End::Publish), Just(End::Forget)];
    prop_oneof![
        6 => Just(Operation::Publish),
        2 => Just(Operation::PublishWith),
        4 => (1_usize..9).prop_map(Operation::Batch),
        3 => (1_usize..9, 0_usize..9, end).prop_map(|(count, fill, end)| Operation::Claim(count, fill.min(count), end)),
        1 => Just(Operation::Attach),
        1 => (0_usize..8, 0_usize..8).prop_map(|(a, b)| Operation::AttachAfter(a, b)),
        1 => (0_usize..8).prop_map(Operation::Detach),
        12 => (0_usize..8, 0_usize..9, proptest::option::weighted(0.9, 0_usize..9)).prop_map(|(i, limit, commit)| {
            Operation::Poll(i, limit, commit)
        }),
        1 => (0_u64..80).prop_map(Operation::Lossy),
        4 => (0_usize..4).prop_map(Operation::PollLossy),
        1 => Just(Operation::Close),
    ]
}

/// Both kinds of publisher, as one.
enum AnyPublisher {
    One(Publisher<u64>),
    Many(SharedPublisher<u64>),
}

macro_rules! on {
    ($publisher:expr, $one:ident => $body:expr) => {
        match $publisher {
            AnyPublisher::One($one) => $body,
            AnyPublisher::Many($one) => $body,
        }
    };
}

/// A reader of the model. Readers that are gone stay in the list: others may run after them.
struct Follower {
    reader: Option<Reader<u64>>,
    id: ReaderId,
    next: u64,
    after: Vec<usize>,
}

struct Lossy {
    reader: LossyReader<u64>,
    next: u64,
}

/// The ring and what is known of it.
struct Pair {
    ring: Ring<u64>,
    publisher: AnyPublisher,
    many: bool,
    capacity: u64,
    /// What each sequence carries; `None` is a hole.
    log: Vec<Option<u64>>,
    /// A claim that was forgotten: sequences that become holes with the publisher's next call.
    forgotten: u64,
    followers: Vec<Follower>,
    lossy: Vec<Lossy>,
    closed: bool,
    value: u64,
}

impl Pair {
    fn new(bits: u32, many: bool) -> Self {
        let capacity = 1_usize << bits;
        let (ring, publisher) = match many {
            true => Ring::many(capacity).map(|(ring, publisher)| (ring, AnyPublisher::Many(publisher))).unwrap(),
            false => Ring::single(capacity).map(|(ring, publisher)| (ring, AnyPublisher::One(publisher))).unwrap(),
        };
        Self {
            ring,
            publisher,
            many,
            capacity: capacity as u64,
            log: Vec::new(),
            forgotten: 0,
            followers: Vec::new(),
            lossy: Vec::new(),
            closed: false,
            value: 100,
        }
    }

    fn fresh(&mut self, count: usize) -> Vec<u64> {
        (0..count)
            .map(|_| {
                self.value += 1;
                self.value
            })
            .collect()
    }

    fn published(&self) -> u64 {
        self.log.len() as u64
    }

    /// Where the publisher stands: behind what it forgot, which readers do not see yet.
    fn position(&self) -> u64 {
        self.published() + self.forgotten
    }

    fn slowest(&self) -> Option<(u64, ReaderId)> {
        let alive = self.followers.iter().filter(|follower| follower.reader.is_some());
        alive.map(|follower| (follower.next, follower.id)).min_by_key(|&(next, id)| (next, id.index()))
    }

    /// The forgotten claim is healed by the next call that publishes, whether or not that succeeds.
    fn heal(&mut self) {
        self.log.extend((0..std::mem::take(&mut self.forgotten)).map(|_| None));
    }

    /// What the model says of a publication of `count` events.
    fn verdict(&self, count: usize) -> Result<(), PublishError> {
        if count as u64 > self.capacity {
            return Err(PublishError::BatchTooLarge { len: count, capacity: self.capacity as usize });
        }
        if self.closed {
            return Err(PublishError::Closed);
        }
        match self.slowest() {
            Some((next, reader)) if self.published() + count as u64 > next + self.capacity => {
                Err(PublishError::Full { reader: Some(reader), behind: self.published() - next })
            }
            _ => Ok(()),
        }
    }

    fn publish(&mut self, values: Vec<u64>, call: impl FnOnce(&mut AnyPublisher, &[u64]) -> Result<u64, PublishError>) {
        self.heal();
        let expected = self.verdict(values.len());
        let result = call(&mut self.publisher, &values);
        match (expected, result) {
            (Ok(()), Ok(first)) => {
                assert_eq!(first, self.published());
                self.log.extend(values.into_iter().map(Some));
            }
            (expected, result) => self.same_error(expected, result.map(|_| ())),
        }
    }

    fn same_error(&self, expected: Result<(), PublishError>, result: Result<(), PublishError>) {
        match (expected, result) {
            (
                Err(PublishError::Full { reader: Some(reader), behind }),
                Err(PublishError::Full { reader: Some(named), behind: said }),
            ) => {
                // Of several that are equally far behind any may be named.
                let named =
                    self.followers.iter().rfind(|follower| follower.id == named && follower.reader.is_some()).unwrap();
                assert_eq!((named.next, said), (self.slowest().unwrap().0, behind), "{reader:?}");
            }
            (expected, result) => assert_eq!(expected, result),
        }
    }

    fn claim(&mut self, count: usize, fill: usize, end: End) {
        self.heal();
        let expected = self.verdict(count);
        let values = self.fresh(fill);
        let (many, first_expected) = (self.many, self.published());
        let result = on!(&mut self.publisher, publisher => match publisher.try_claim(count) {
            Ok(mut claim) => {
                assert_eq!((claim.first(), claim.remaining()), (first_expected, count));
                values.iter().for_each(|value| claim.push(*value));
                assert_eq!(claim.remaining(), count - fill);
                match end {
                    End::Drop => drop(claim),
                    End::Publish => claim.publish(),
                    End::Forget => std::mem::forget(claim),
                }
                Ok(())
            }
            Err(error) => Err(error),
        });
        self.same_error(expected, result);
        if result.is_err() {
            return;
        }
        if matches!(end, End::Forget) {
            self.forgotten = count as u64;
            return;
        }
        self.log.extend(values.into_iter().map(Some));
        if many {
            self.log.extend((fill..count).map(|_| None));
        }
    }

    fn attach(&mut self, after: &[usize]) {
        if self.many {
            // A reader that joins beside an open claim gates lower than it reads until the claim is done: the models in `loom-tests/`.
            self.heal_by_call();
        }
        let alive: BTreeSet<usize> = after
            .iter()
            .copied()
            .filter(|&i| self.followers.get(i).is_some_and(|follower| follower.reader.is_some()))
            .collect();
        let ids: Vec<ReaderId> = alive.iter().map(|&i| self.followers[i].id).collect();
        match self.ring.attach_after(&ids) {
            Ok(reader) => {
                let next = self.published();
                assert_eq!(reader.position(), next);
                let id = reader.id();
                self.followers.push(Follower { reader: Some(reader), id, next, after: alive.into_iter().collect() });
            }
            Err(error) => assert_eq!(error, RingError::PlacesExhausted { places: 64 }),
        }
    }

    /// How far the readers in `after` let others go; `None`: as far as the publisher.
    fn end_of(&self, after: &[usize]) -> Option<u64> {
        let ends = after.iter().filter_map(|&i| {
            let follower = &self.followers[i];
            if follower.reader.is_some() { Some(follower.next) } else { self.end_of(&follower.after) }
        });
        ends.min()
    }

    fn poll(&mut self, i: usize, limit: usize, commit: Option<usize>) {
        let alive: Vec<usize> = (0..self.followers.len()).filter(|&i| self.followers[i].reader.is_some()).collect();
        let Some(&i) = alive.get(i) else { return };
        let end = self.end_of(&self.followers[i].after).map_or(self.published(), |end| end.min(self.published()));
        // Among many publishers the end comes behind every claim, the forgotten one too.
        let (published, closed) = (if self.many { self.position() } else { self.published() }, self.closed);
        let follower = &mut self.followers[i];
        let next = follower.next;
        match follower.reader.as_mut().unwrap().poll(limit) {
            Polled::Batch(batch) => {
                let sequences = batch.sequences();
                assert_eq!(sequences.start, next);
                assert!(!sequences.is_empty() && sequences.end <= end && sequences.end - next <= limit as u64);
                let expected: Vec<(u64, u64)> =
                    sequences.clone().filter_map(|s| self.log[s as usize].map(|value| (s, value))).collect();
                assert_eq!(batch.iter().map(|(s, value)| (s, *value)).collect::<Vec<_>>(), expected);
                match commit {
                    Some(commit) if next + (commit as u64) < sequences.end => {
                        follower.next = next + commit as u64;
                        batch.commit_to(follower.next);
                    }
                    Some(_) => {
                        follower.next = sequences.end;
                        batch.commit();
                    }
                    None => {}
                }
            }
            Polled::Empty => assert!(limit == 0 || (next >= end && (!closed || next < published)), "{next} of {end}"),
            Polled::Closed => assert!(closed && next >= published, "{next} of {published}"),
        }
        assert_eq!(follower.reader.as_ref().unwrap().position(), follower.next);
    }

    fn poll_lossy(&mut self, i: usize) {
        let (published, claimed, capacity, closed) = (self.published(), self.position(), self.capacity, self.closed);
        let Some(Lossy { reader, next }) = self.lossy.get_mut(i) else { return };
        match reader.poll() {
            Copied::Event { sequence, event } => {
                let expected = (*next..published).find(|&s| self.log[s as usize].is_some());
                assert_eq!(Some(sequence), expected);
                assert_eq!(Some(event), self.log[sequence as usize]);
                assert!(sequence + capacity >= published, "older than a lap");
                *next = sequence + 1;
            }
            Copied::Gap { from, to } => {
                assert!((*next..=published).contains(&from) && from < to && to <= claimed, "{next}: {from} to {to}");
                assert!((*next..from).all(|s| self.log[s as usize].is_none()), "only holes are passed in silence");
                // Part of the gap is really gone, and no more than the heels of the publisher beside it.
                assert!(
                    from + capacity < claimed.max(published) || self.forgotten > 0,
                    "nothing of {from} to {to} was lost"
                );
                *next = to;
            }
            Copied::Empty => assert!((*next..published).all(|s| self.log[s as usize].is_none()) && !closed),
            Copied::Closed => assert!((*next..published).all(|s| self.log[s as usize].is_none()) && closed),
        }
    }

    fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Publish => {
                let values = self.fresh(1);
                self.publish(values, |publisher, values| on!(publisher, one => one.try_publish(values[0])));
            }
            Operation::PublishWith => {
                let values = self.fresh(1);
                self.publish(values, |publisher, values| match publisher {
                    AnyPublisher::One(one) => one.try_publish_with(|sequence| {
                        assert!(sequence < u64::MAX);
                        values[0]
                    }),
                    AnyPublisher::Many(one) => one.try_publish_with(|| values[0]),
                });
            }
            Operation::Batch(count) => {
                let values = self.fresh(count);
                self.publish(values, |publisher, values| on!(publisher, one => one.try_publish_batch(values)));
            }
            Operation::Claim(count, fill, end) => self.claim(count, fill, end),
            Operation::Attach => self.attach(&[]),
            Operation::AttachAfter(a, b) => self.attach(&[a, b]),
            Operation::Detach(i) => {
                if let Some(follower) = self.followers.iter_mut().filter(|follower| follower.reader.is_some()).nth(i) {
                    follower.reader = None;
                }
            }
            Operation::Poll(i, limit, commit) => self.poll(i, limit, commit),
            Operation::Lossy(back) => {
                let next = self.published().saturating_sub(back.min(self.capacity));
                self.lossy.push(Lossy { reader: self.ring.last(back), next });
            }
            Operation::PollLossy(i) => self.poll_lossy(i),
            // Rarely, or nothing would ever happen in a run.
            Operation::Close if self.value.is_multiple_of(7) => {
                self.heal_by_call();
                self.ring.close();
                self.closed = true;
            }
            Operation::Close => {}
        }
    }

    /// Any call that publishes, or tries to.
    fn heal_by_call(&mut self) {
        if self.forgotten > 0 {
            let values = self.fresh(1);
            self.publish(values, |publisher, values| on!(publisher, one => one.try_publish(values[0])));
        }
    }

    /// Everything published reaches everyone who is still there.
    fn finish(mut self) {
        self.heal_by_call();
        for _ in 0..self.followers.len() + 1 {
            for i in 0..self.followers.iter().filter(|follower| follower.reader.is_some()).count() {
                while self.poll_moves(i) {}
            }
        }
        for follower in self.followers.iter().filter(|follower| follower.reader.is_some()) {
            assert_eq!(follower.next, self.published());
        }
    }

    fn poll_moves(&mut self, i: usize) -> bool {
        let at =
            |pair: &Self| pair.followers.iter().filter(|follower| follower.reader.is_some()).nth(i).map(|f| f.next);
        let before = at(self);
        self.poll(i, 1_000, Some(1_000));
        at(self) != before
    }
}

fn drive(bits: u32, many: bool, operations: Vec<Operation>) {
    let mut pair = Pair::new(bits, many);
    operations.into_iter().for_each(|operation| pair.run(operation));
    pair.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ring_with_one_publisher_is_its_model(bits in 1_u32..6, operations in vec(operation(), 0..150)) {
        drive(bits, false, operations);
    }

    #[test]
    fn a_ring_with_many_publishers_is_its_model(bits in 1_u32..6, operations in vec(operation(), 0..150)) {
        drive(bits, true, operations);
    }
}

/// A step of what both rings can do: publish so many (at most as there is room for), read all.
#[derive(Clone, Debug)]
enum Common {
    Single,
    Batch(usize),
    Read,
}

fn common() -> impl Strategy<Value = Common> {
    prop_oneof![3 => Just(Common::Single), 2 => (1_usize..9).prop_map(Common::Batch), 3 => Just(Common::Read)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same publications give the same events, in the same order and the same positions, to a reader of each.
    #[test]
    fn a_ring_delivers_what_the_disruptor_crate_delivers(steps in vec(common(), 0..120)) {
        const CAPACITY: usize = 16;
        let (ring, mut ours) = Ring::<u64>::single(CAPACITY).unwrap();
        let mut reader = ring.attach().unwrap();
        let builder = disruptor::build_single_producer(CAPACITY, || 0_u64, disruptor::BusySpin);
        let (mut poller, builder) = builder.new_event_poller();
        let mut theirs = builder.build();
        let (mut value, mut unread) = (0, 0);
        let (mut seen, mut expected) = (Vec::new(), Vec::new());
        for step in steps.into_iter().chain([Common::Read]) {
            match step {
                Common::Single if unread < CAPACITY => {
                    value += 1;
                    unread += 1;
                    ours.try_publish(value).unwrap();
                    theirs.try_publish(|slot| *slot = value).unwrap();
                }
                Common::Batch(count) if unread + count <= CAPACITY => {
                    let values: Vec<u64> = (value + 1..=value + count as u64).collect();
                    value += count as u64;
                    unread += count;
                    ours.try_publish_batch(&values).unwrap();
                    theirs.try_batch_publish(count, |slots| slots.zip(&values).for_each(|(slot, value)| *slot = *value)).unwrap();
                }
                Common::Single => {
                    let refused = ours.try_publish(0).is_err() && theirs.try_publish(|_| {}).is_err();
                    prop_assert!(refused);
                }
                Common::Batch(count) => {
                    prop_assert!(ours.try_publish_batch(&vec![0; count]).is_err());
                    let refused = theirs.try_batch_publish(count, |_| {}).is_err();
                    prop_assert!(refused);
                }
                Common::Read => {
                    unread = 0;
                    while let Polled::Batch(batch) = reader.poll(CAPACITY) {
                        seen.extend(batch.iter().map(|(_, value)| *value));
                        batch.commit();
                    }
                    while let Ok(mut events) = poller.poll() {
                        expected.extend((&mut events).copied());
                    }
                    prop_assert_eq!(&seen, &expected);
                }
            }
        }
        prop_assert_eq!(seen.len() as u64, value);
    }
}
