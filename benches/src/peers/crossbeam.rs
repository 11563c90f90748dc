//! crossbeam's bounded queue and its bounded channel. Neither knows batches.

use crate::peer::{ManyToOne, Outlet, Peer, Polled, Receiver, Sender};
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;
use tagring::ring::Plain;

/// crossbeam's bounded queue.
pub struct CrossbeamQueue;
/// crossbeam's bounded channel.
pub struct CrossbeamChannel;

struct Queue<T>(Arc<ArrayQueue<T>>);
struct ChannelSender<T>(crossbeam_channel::Sender<T>);
struct ChannelReceiver<T>(crossbeam_channel::Receiver<T>);

impl<T: Plain> Peer<T> for CrossbeamQueue {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        (Queue(Arc::clone(&queue)), Queue(queue))
    }
}

impl<T: Plain> ManyToOne<T> for CrossbeamQueue {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        ((0..publishers).map(|_| Queue(Arc::clone(&queue))).collect(), Queue(queue))
    }
}

super::unbound!(T, Outlet for Queue<T>);

impl<T: Plain> Sender<T> for Queue<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.push(event).is_ok()
    }
}

super::unbound!(T, Receiver for Queue<T>);

impl<T: Plain> Polled<T> for Queue<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.0.pop().map_or(0, |event| {
            handle(&event);
            1
        })
    }
}

impl<T: Plain> Peer<T> for CrossbeamChannel {
    fn pair(capacity: usize) -> (impl Outlet<T>, impl Receiver<T>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        (ChannelSender(sender), ChannelReceiver(receiver))
    }
}

impl<T: Plain> ManyToOne<T> for CrossbeamChannel {
    fn many(publishers: usize, capacity: usize) -> (Vec<impl Outlet<T>>, impl Receiver<T>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        ((0..publishers).map(|_| ChannelSender(sender.clone())).collect(), ChannelReceiver(receiver))
    }
}

super::unbound!(T, Outlet for ChannelSender<T>);

impl<T: Plain> Sender<T> for ChannelSender<T> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.0.try_send(event).is_ok()
    }
}

super::unbound!(T, Receiver for ChannelReceiver<T>);

impl<T: Plain> Polled<T> for ChannelReceiver<T> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        self.0.try_recv().map_or(0, |event| {
            handle(&event);
            1
        })
    }
}
