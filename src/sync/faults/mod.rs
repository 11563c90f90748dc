//! Fault points: named places where a test can let something go wrong. A place is passed through [`crate::fault!`], which is nothing at all
//! unless the feature `faults` is on; what happens there is said by a [`FaultSource`] that was entered on the passing thread, or on one that
//! started it. The test kit has one: `testkit::FaultScript`.
//!
//! No state is the process's: two tests that run side by side have a script each, and a thread without one passes every point. Used by
//! every floor and by adapters; who passes a point knows what its faults mean there.

mod io;
pub mod points;

pub use io::FaultyIo;

use core::fmt;
use core::time::Duration;

/// What goes wrong at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever passes stands for so long, then goes on.
    Delay(Duration),
    /// What was to be done fails, in the way of that place.
    Error,
    /// What was to be done is left out, and nobody is told.
    Drop,
    /// The passing thread panics, without the panic hook: it is expected.
    Panic,
    /// The disk is full: nothing is written.
    DiskFull,
    /// So many bytes are written, and the write after that fails: what is left is torn.
    TornWrite {
        /// Bytes that are written.
        kept: usize,
    },
    /// The clock is off by so many nanoseconds more from here on.
    ClockJump {
        /// Forward, or back.
        by_ns: i64,
    },
    /// A handler refuses the event: it counts as dead.
    Dead,
    /// A handler says that this event was the last one.
    Stop,
}

/// A [`Fault`] without its data: what a point can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "as the faults")]
pub enum FaultKind {
    Delay,
    Error,
    Drop,
    Panic,
    DiskFull,
    TornWrite,
    ClockJump,
    Dead,
    Stop,
}

impl Fault {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Delay(_) => FaultKind::Delay,
            Self::Error => FaultKind::Error,
            Self::Drop => FaultKind::Drop,
            Self::Panic => FaultKind::Panic,
            Self::DiskFull => FaultKind::DiskFull,
            Self::TornWrite { .. } => FaultKind::TornWrite,
            Self::ClockJump { .. } => FaultKind::ClockJump,
            Self::Dead => FaultKind::Dead,
            Self::Stop => FaultKind::Stop,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Delay => "delay",
            Self::Error => "error",
            Self::Drop => "drop",
            Self::Panic => "panic",
            Self::DiskFull => "disk full",
            Self::TornWrite => "torn write",
            Self::ClockJump => "clock jump",
            Self::Dead => "dead",
            Self::Stop => "stop",
        })
    }
}

/// A place where something can go wrong. Declared with [`crate::fault_points!`], passed with [`crate::fault!`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultPoint {
    name: &'static str,
    takes: &'static [FaultKind],
}

impl FaultPoint {
    /// A point of that name, at which such faults mean something.
    #[must_use]
    pub const fn new(name: &'static str, takes: &'static [FaultKind]) -> Self {
        Self { name, takes }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The faults that mean something there.
    #[must_use]
    pub const fn takes(self) -> &'static [FaultKind] {
        self.takes
    }

    /// This point where `who` passes it: a slot, a bus, a thread, a file, as the list of points says.
    #[must_use]
    pub fn of(self, who: &str) -> FaultPlace {
        FaultPlace { point: self, who: Some(who.to_owned()) }
    }
}

impl fmt::Display for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// A point, whoever passes it or where one passes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FaultPlace {
    /// The point.
    pub point: FaultPoint,
    /// Who passes it; `None`: anyone.
    pub who: Option<String>,
}

impl From<FaultPoint> for FaultPlace {
    fn from(point: FaultPoint) -> Self {
        Self { point, who: None }
    }
}

impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Some(who) => write!(f, "{} of {who}", self.point),
            None => self.point.fmt(f),
        }
    }
}

/// Declares fault points, and `ALL` of them in their order. Each says when it is passed, by whom, and which faults mean something there.
///
/// ```
/// mod points {
///     tagring::fault_points! {
///         /// An order is about to be sent.
///         SEND = "gateway.send", of "the session", takes [Delay, Error];
///     }
/// }
/// assert_eq!((points::SEND.name(), points::ALL.len()), ("gateway.send", 1));
///
/// fn send(session: &str) -> Result<(), &'static str> {
///     tagring::fault!(points::SEND, session; Error => return Err("the session is gone"));
///     Ok(())
/// }
/// assert_eq!(send("primary"), Ok(()), "no script, no fault");
/// ```
#[macro_export]
macro_rules! fault_points {
    ($($(#[doc = $what:literal])+ $point:ident = $name:literal, of $who:literal, takes [$($kind:ident),+];)+) => {
        $(
            $(#[doc = $what])+
            #[doc = ""]
            #[doc = concat!("Passed by ", $who, ".")]
            pub const $point: $crate::faults::FaultPoint =
                $crate::faults::FaultPoint::new($name, &[$($crate::faults::FaultKind::$kind),+]);
        )+
        /// All points of this list.
        pub const ALL: &[$crate::faults::FaultPoint] = &[$($point),+];
    };
}

/// Passes a fault point: `fault!(POINT, who; Error => return Err(..), Drop => return)`. A delay and a panic happen by themselves; what else the
/// point takes is said behind the semicolon. `who` is a `&str`.
///
/// This build has the feature `faults`. Without it the macro is empty: nothing of what stands in it is compiled.
#[cfg(feature = "faults")]
#[macro_export]
macro_rules! fault {
    ($point:path, $who:expr) => {
        let _ = $crate::faults::pass($point, $who);
    };
    ($point:path, $who:expr; $($kind:ident => $then:expr),+ $(,)?) => {
        let fault = $crate::faults::pass($point, $who);
        $(if let Some($crate::faults::Fault::$kind { .. }) = fault {
            $then;
        })+
    };
}

/// Passes a fault point: `fault!(POINT, who; Error => return Err(..), Drop => return)`.
///
/// This build has no fault points (feature `faults`): the macro is empty, and nothing of what stands in it is compiled.
#[cfg(not(feature = "faults"))]
#[macro_export]
macro_rules! fault {
    ($($nothing:tt)*) => {};
}

#[cfg(feature = "faults")]
pub use door::{Entered, FaultSource, carry, clock_off_ns, enter, pass};

#[cfg(feature = "faults")]
mod door {
    use super::{Fault, FaultPoint, points};
    use crate::sync::nap;
    use core::cell::{Cell, RefCell};
    use core::marker::PhantomData;
    use std::panic::resume_unwind;
    use std::sync::Arc;

    /// What says which faults happen.
    pub trait FaultSource: Send + Sync {
        /// `who` passes a point.
        fn at(&self, point: FaultPoint, who: &str) -> Option<Fault>;
        /// By how many nanoseconds the clock is off after all jumps so far.
        fn clock_off_ns(&self) -> i64;
    }

    thread_local! {
        static ENTERED: Cell<bool> = const { Cell::new(false) };
        static SOURCE: RefCell<Option<Arc<dyn FaultSource>>> = const { RefCell::new(None) };
    }

    fn source() -> Option<Arc<dyn FaultSource>> {
        if !ENTERED.get() {
            return None;
        }
        // A thread that is about to end has none any more.
        SOURCE.try_with(|source| source.borrow().clone()).ok().flatten()
    }

    fn replace(source: Option<Arc<dyn FaultSource>>) -> Option<Arc<dyn FaultSource>> {
        ENTERED.set(source.is_some());
        SOURCE.with(|place| place.replace(source))
    }

    /// Ends what [`enter`] began, when it is dropped.
    #[must_use = "dropping it ends the faults"]
    pub struct Entered {
        before: Option<Arc<dyn FaultSource>>,
        /// It belongs to its thread.
        here: PhantomData<*const ()>,
    }

    /// From here on this thread, and every thread that it starts through Tagring, has its faults from `source`.
    pub fn enter(source: Arc<dyn FaultSource>) -> Entered {
        Entered { before: replace(Some(source)), here: PhantomData }
    }

    impl Drop for Entered {
        fn drop(&mut self) {
            drop(replace(self.before.take()));
        }
    }

    /// A body for another thread that has the faults of this one there. For threads that are not started through Tagring.
    pub fn carry<R>(body: impl FnOnce() -> R) -> impl FnOnce() -> R {
        let source = source();
        move || {
            let _entered = source.map(enter);
            body()
        }
    }

    /// Passes a point: see [`crate::fault!`]. A delay and a panic happen here; what is returned is the place's own to do.
    pub fn pass(point: FaultPoint, who: &str) -> Option<Fault> {
        // Nothing more goes wrong while a panic unwinds: that would end the process.
        let source = source().filter(|_| !std::thread::panicking())?;
        match source.at(point, who)? {
            Fault::Delay(time) => {
                nap(time);
                None
            }
            Fault::Panic => resume_unwind(Box::new(format!("as scripted, at {} of {who}", point.name()))),
            fault => Some(fault),
        }
    }

    /// A clock is read: by how many nanoseconds it is off.
    pub fn clock_off_ns() -> i64 {
        let Some(source) = source() else { return 0 };
        let _ = source.at(points::CLOCK_READ, "clock");
        source.clock_off_ns()
    }
}

/// A body for another thread, as it is: this build has no fault points.
#[cfg(not(feature = "faults"))]
pub fn carry<R>(body: impl FnOnce() -> R) -> impl FnOnce() -> R {
    body
}
