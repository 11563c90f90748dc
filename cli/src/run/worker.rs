//! A handler of the job, whichever it is: what slots give back at the end, and what runs inside a slot that is slowed down.

use super::books::Books;
use super::outlet::Outlet;
use super::recorder::Recorder;
use super::signal::Signals;
use super::tape::Tapes;
use crate::derived::{Print, Signal};
use tagring::bus::{Context, Gap, Handler, Outcome};
use tagring::event::{Event, Payload};

pub(super) enum Worker {
    Book(Box<Books>),
    Signal(Box<Signals>),
    Recorder(Box<Recorder>),
    Tape(Box<Tapes>),
}

impl Worker {
    pub(super) fn book(books: Books) -> Self {
        Self::Book(Box::new(books))
    }

    pub(super) fn signal(signals: Signals) -> Self {
        Self::Signal(Box::new(signals))
    }

    pub(super) fn recorder(recorder: Recorder) -> Self {
        Self::Recorder(Box::new(recorder))
    }

    pub(super) fn tape(tapes: Tapes) -> Self {
        Self::Tape(Box::new(tapes))
    }

    /// Its way onto the second bus, where it has one, and the name of what it publishes there.
    pub(super) fn outlet(&self) -> Option<(&Outlet, &'static str)> {
        match self {
            Self::Book(books) => Some((books.outlet(), Print::NAME)),
            Self::Signal(signals) => Some((signals.outlet(), Signal::NAME)),
            Self::Recorder(_) | Self::Tape(_) => None,
        }
    }
}

/// The call, on whichever it is.
macro_rules! whichever {
    ($worker:expr, $handler:ident => $call:expr) => {
        match $worker {
            Worker::Book($handler) => $call,
            Worker::Signal($handler) => $call,
            Worker::Recorder($handler) => $call,
            Worker::Tape($handler) => $call,
        }
    };
}

impl Handler for Worker {
    fn on_event(&mut self, event: &Event, ctx: &mut Context) -> Outcome {
        whichever!(self, handler => handler.on_event(event, ctx))
    }

    fn on_gap(&mut self, gap: &Gap<'_>, ctx: &mut Context) {
        whichever!(self, handler => handler.on_gap(gap, ctx));
    }

    fn on_stop(&mut self, ctx: &mut Context) {
        whichever!(self, handler => handler.on_stop(ctx));
    }

    fn on_failed(&mut self, ctx: &mut Context) {
        whichever!(self, handler => handler.on_failed(ctx));
    }
}
