//! The `disruptor` crate, read by its event poller: the handler threads that it can also start know no end of a round.

use crate::peer::{Graph, ManyToOne, Outlet, Peer, Polled, Receiver, Sender, Shape, Waiting};
use disruptor::{
    BusySpin, EventPoller, MultiConsumerBarrier, MultiProducerBarrier, Producer, SingleConsumerBarrier,
    SingleProducerBarrier,
};
use tagring::ring::Plain;

/// The `disruptor` crate; one publisher, or many sharing it; readers after each other by `and_then`.
pub struct Disruptor;

struct Publishing<P>(P);

impl<T: Plain> Peer<T> for Disruptor {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let builder = disruptor::build_single_producer(capacity, T::new_zeroed, BusySpin);
        let (poller, builder) = builder.new_event_poller();
        (Publishing(builder.build()), poller)
    }
}

impl<T: Plain> ManyToOne<T> for Disruptor {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let builder = disruptor::build_multi_producer(capacity, T::new_zeroed, BusySpin);
        let (poller, builder) = builder.new_event_poller();
        let producer = builder.build();
        ((0..publishers).map(|_| Publishing(producer.clone())).collect(), poller)
    }
}

impl<T: Plain> Graph<T> for Disruptor {
    fn graph(shape: Shape, capacity: usize, _: Waiting) -> (impl Outlet<T>, Vec<impl Receiver<T>>) {
        let builder = disruptor::build_single_producer(capacity, T::new_zeroed, BusySpin);
        let (first, builder) = builder.new_event_poller();
        let (publisher, readers) = match shape {
            Shape::Broadcast => {
                let (second, builder) = builder.new_event_poller();
                let (third, builder) = builder.new_event_poller();
                (
                    Ends::Many(Publishing(builder.build())),
                    [Stage::Source(first), Stage::Source(second), Stage::Source(third)],
                )
            }
            Shape::Pipeline => {
                let (second, builder) = builder.and_then().new_event_poller();
                let (third, builder) = builder.and_then().new_event_poller();
                (
                    Ends::One(Publishing(builder.build())),
                    [Stage::Source(first), Stage::After(second), Stage::After(third)],
                )
            }
            Shape::Diamond => {
                let (second, builder) = builder.new_event_poller();
                let (third, builder) = builder.and_then().new_event_poller();
                (
                    Ends::One(Publishing(builder.build())),
                    [Stage::Source(first), Stage::Source(second), Stage::Join(third)],
                )
            }
        };
        (publisher, readers.into())
    }
}

/// The publisher's type tells how many readers are last.
enum Ends<One, Many> {
    One(One),
    Many(Many),
}

impl<T: Plain, One: Producer<T> + Send + 'static, Many: Producer<T> + Send + 'static> Outlet<T>
    for Ends<Publishing<One>, Publishing<Many>>
{
    fn bind(self) -> impl Sender<T> {
        self
    }
}

impl<T: Plain, One: Producer<T>, Many: Producer<T>> Sender<T> for Ends<Publishing<One>, Publishing<Many>> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        match self {
            Self::One(publisher) => publisher.try_send(event),
            Self::Many(publisher) => publisher.try_send(event),
        }
    }
    #[inline(always)]
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        match self {
            Self::One(publisher) => publisher.try_send_batch(events),
            Self::Many(publisher) => publisher.try_send_batch(events),
        }
    }
}

impl<T: Plain, P: Producer<T> + Send + 'static> Outlet<T> for Publishing<P> {
    fn bind(self) -> impl Sender<T> {
        self
    }
}

impl<T: Plain, P: Producer<T>> Sender<T> for Publishing<P> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.try_publish(|cell| *cell = event).is_ok()
    }
    #[inline(always)]
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        let count = events.len();
        let sent = self.0.try_batch_publish(count, |cells| cells.zip(events).for_each(|(cell, event)| *cell = *event));
        sent.map_or(0, |_| count)
    }
    #[inline(always)]
    fn send(&mut self, event: T) {
        self.0.publish(|cell| *cell = event);
    }
    #[inline(always)]
    fn send_batch(&mut self, events: &[T]) {
        self.0.batch_publish(events.len(), |cells| cells.zip(events).for_each(|(cell, event)| *cell = *event));
    }
}

/// A reader: its type tells whom it waits for.
enum Stage<T> {
    Source(EventPoller<T, SingleProducerBarrier>),
    After(EventPoller<T, SingleConsumerBarrier>),
    Join(EventPoller<T, MultiConsumerBarrier>),
}

impl<T: Plain> Receiver<T> for Stage<T> {
    fn bind(self) -> impl Polled<T> {
        self
    }
}

impl<T: Plain> Polled<T> for Stage<T> {
    #[inline(always)]
    fn poll(&mut self, handle: impl FnMut(&T)) -> usize {
        match self {
            Self::Source(poller) => Polled::poll(poller, handle),
            Self::After(poller) => Polled::poll(poller, handle),
            Self::Join(poller) => Polled::poll(poller, handle),
        }
    }
}

/// The crate does not export the trait that its barriers have in common.
macro_rules! poller {
    ($barrier:ty) => {
        super::unbound!(T, Receiver for EventPoller<T, $barrier>);

        impl<T: Plain> Polled<T> for EventPoller<T, $barrier> {
            #[inline(always)]
            fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
                let Ok(mut events) = EventPoller::poll(self) else { return 0 };
                (&mut events).map(|event| handle(event)).count()
            }
        }
    };
}
poller!(SingleProducerBarrier);
poller!(MultiProducerBarrier);
poller!(SingleConsumerBarrier);
poller!(MultiConsumerBarrier);
