//! Graphs out of queues that know only one reader: a queue for each edge. Publishers send an event to every queue of theirs, readers
//! that others wait for send on what they have handled.

use crate::peer::{Graph, Outlet, Peer, Polled, Receiver, Sender, Shape, Waiting};
use core::marker::PhantomData;
use std::collections::VecDeque;

/// A graph of queues `P`.
pub struct Queues<P>(PhantomData<P>);

impl<T: Copy + Send + 'static, P: Peer<T>> Graph<T> for Queues<P> {
    fn graph(shape: Shape, capacity: usize, waiting: Waiting) -> (impl Outlet<T>, Vec<impl Receiver<T>>) {
        let queue = || P::pair(capacity);
        let reader = |input, output| Node::Reader { input, output, capacity, waiting };
        let (to_first, first) = queue();
        match shape {
            Shape::Broadcast => {
                let ((to_second, second), (to_third, third)) = (queue(), queue());
                let readers = [first, second, third].map(|input| reader(input, None));
                (FanOut(vec![to_first, to_second, to_third]), readers.into())
            }
            Shape::Pipeline => {
                let ((to_second, second), (to_third, third)) = (queue(), queue());
                let edges = [(first, Some(to_second)), (second, Some(to_third)), (third, None)];
                (FanOut(vec![to_first]), edges.map(|(input, output)| reader(input, output)).into())
            }
            Shape::Diamond => {
                let ((to_second, second), (left_to, left), (right_to, right)) = (queue(), queue(), queue());
                let join = Node::Join { left, right, capacity };
                let readers = vec![reader(first, Some(left_to)), reader(second, Some(right_to)), join];
                (FanOut(vec![to_first, to_second]), readers)
            }
        }
    }
}

/// To one queue for each reader.
struct FanOut<S>(Vec<S>);

impl<T: Copy, S: Outlet<T>> Outlet<T> for FanOut<S> {
    fn bind(self) -> impl Sender<T> {
        BoundFanOut { queues: self.0.into_iter().map(|queue| (queue.bind(), 0)).collect() }
    }
}

/// Each queue with how many events it is ahead: it has them, and the caller was told that they did not go. The caller sends them again.
struct BoundFanOut<S> {
    queues: Vec<(S, usize)>,
}

impl<T: Copy, S: Sender<T>> Sender<T> for BoundFanOut<S> {
    #[inline(always)]
    fn try_send(&mut self, event: T) -> bool {
        self.try_send_batch(&[event]) == 1
    }

    #[inline(always)]
    fn try_send_batch(&mut self, events: &[T]) -> usize {
        for (queue, ahead) in &mut self.queues {
            match events.get(*ahead..) {
                None | Some([]) => {}
                Some(&[event]) => *ahead += usize::from(queue.try_send(event)),
                Some(rest) => *ahead += queue.try_send_batch(rest),
            }
        }
        let went = self.queues.iter().map(|(_, ahead)| *ahead).min().unwrap_or(0).min(events.len());
        self.queues.iter_mut().for_each(|(_, ahead)| *ahead -= went);
        went
    }
}

/// One reader.
enum Node<R, S> {
    /// Reads a queue, and sends on what it has handled.
    Reader { input: R, output: Option<S>, capacity: usize, waiting: Waiting },
    /// Handles what has come over both queues.
    Join { left: R, right: R, capacity: usize },
}

impl<T: Copy + Send + 'static, R: Receiver<T>, S: Outlet<T>> Receiver<T> for Node<R, S> {
    fn bind(self) -> impl Polled<T> {
        match self {
            Self::Reader { input, output: None, .. } => BoundNode::Last(input.bind()),
            Self::Reader { input, output: Some(output), capacity, waiting } => BoundNode::Through {
                input: input.bind(),
                output: output.bind(),
                handled: Vec::with_capacity(capacity),
                waiting,
            },
            Self::Join { left, right, capacity } => {
                let (left, right) = (left.bind(), right.bind());
                BoundNode::Join { left, right, waits: VecDeque::with_capacity(capacity), tokens: 0 }
            }
        }
    }
}

enum BoundNode<T, R, S> {
    Last(R),
    Through { input: R, output: S, handled: Vec<T>, waiting: Waiting },
    Join { left: R, right: R, waits: VecDeque<T>, tokens: usize },
}

impl<T: Copy, R: Polled<T>, S: Sender<T>> Polled<T> for BoundNode<T, R, S> {
    #[inline(always)]
    fn poll(&mut self, mut handle: impl FnMut(&T)) -> usize {
        match self {
            Self::Last(input) => input.poll(handle),
            Self::Through { input, output, handled, waiting } => {
                handled.clear();
                let count = input.poll(|event| {
                    handle(event);
                    handled.push(*event);
                });
                send_on(output, handled, *waiting);
                count
            }
            Self::Join { left, right, waits, tokens } => {
                if waits.is_empty() {
                    left.poll(|event| waits.push_back(*event));
                }
                if *tokens == 0 {
                    *tokens = right.poll(|_| {});
                }
                let both = waits.len().min(*tokens);
                waits.drain(..both).for_each(|event| handle(&event));
                *tokens -= both;
                both
            }
        }
    }
}

#[inline(always)]
fn send_on<T: Copy>(output: &mut impl Sender<T>, mut events: &[T], waiting: Waiting) {
    while !events.is_empty() {
        let went = match *events {
            [event] => usize::from(output.try_send(event)),
            _ => output.try_send_batch(events),
        };
        if went == 0 {
            waiting.once();
        }
        events = &events[went..];
    }
}
