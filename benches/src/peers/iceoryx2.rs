//! iceoryx2 within the process: a service of its own for each queue, samples loaned and written in place, read in place. As its
//! own benchmarks do it, but with a buffer as long as the other queues, and nothing is overwritten that was not read.

use super::TURN;
use crate::peer::{ManyToOne, Outlet, Peer, Polled, Receiver, Sender};
use iceoryx2::port::backpressure_strategy::BackpressureStrategy;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{Node, NodeBuilder, ServiceName, local};
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// iceoryx2's publish-subscribe, of its service within a process.
pub struct Iceoryx2;

type Event<const N: usize> = [u64; N];

/// A service and the node that it lives on. The ports of the fast service stay on the thread that makes them.
struct Service<const N: usize> {
    ports: PortFactory<local::Service, Event<N>, ()>,
    _node: Node<local::Service>,
}

struct Out<const N: usize>(Arc<Service<N>>);
struct In<const N: usize>(Arc<Service<N>>);

impl<const N: usize> Service<N> {
    fn new(publishers: usize, capacity: usize) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("tagring-benches-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let node = NodeBuilder::new().create::<local::Service>().expect("a node");
        let service =
            node.service_builder(&ServiceName::new(&name).expect("a short name")).publish_subscribe::<Event<N>>();
        let service = service.max_publishers(publishers).max_subscribers(1).history_size(0);
        let service = service.subscriber_max_buffer_size(capacity).subscriber_max_borrowed_samples(1);
        let ports = service.enable_safe_overflow(false).create().expect("a name of its own");
        Arc::new(Self { ports, _node: node })
    }
}

impl<const N: usize> Peer<Event<N>> for Iceoryx2 {
    fn pair(capacity: usize) -> (impl Outlet<Event<N>>, impl Receiver<Event<N>>) {
        let service = Service::new(1, capacity);
        (Out(Arc::clone(&service)), In(service))
    }
}

impl<const N: usize> ManyToOne<Event<N>> for Iceoryx2 {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<Event<N>>>, impl Receiver<Event<N>>) {
        let service = Service::new(publishers, capacity);
        ((0..publishers).map(|_| Out(Arc::clone(&service))).collect(), In(service))
    }
}

struct BoundOut<const N: usize> {
    publisher: Publisher<local::Service, Event<N>, ()>,
    _service: Arc<Service<N>>,
}

struct BoundIn<const N: usize> {
    subscriber: Subscriber<local::Service, Event<N>, ()>,
    _service: Arc<Service<N>>,
}

impl<const N: usize> Outlet<Event<N>> for Out<N> {
    fn bind(self) -> impl Sender<Event<N>> {
        let ports = self.0.ports.publisher_builder().max_loaned_samples(1);
        let publisher = ports.backpressure_strategy(BackpressureStrategy::DiscardData).create().expect("a free port");
        BoundOut { publisher, _service: self.0 }
    }
}

impl<const N: usize> Receiver<Event<N>> for In<N> {
    fn bind(self) -> impl Polled<Event<N>> {
        let subscriber = self.0.ports.subscriber_builder().create().expect("a free port");
        BoundIn { subscriber, _service: self.0 }
    }
}

impl<const N: usize> Sender<Event<N>> for BoundOut<N> {
    /// A sample reaches nobody where the buffer is full, or the subscriber not there yet.
    #[inline(always)]
    fn try_send(&mut self, event: Event<N>) -> bool {
        let sample = self.publisher.loan_uninit().expect("no sample is held").write_payload(event);
        sample.send().expect("connected") == 1
    }
}

impl<const N: usize> Polled<Event<N>> for BoundIn<N> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&Event<N>)) -> usize {
        let samples = core::iter::from_fn(|| self.subscriber.receive().expect("connected")).take(TURN);
        samples.map(|sample| handle(sample.payload())).count()
    }
}
