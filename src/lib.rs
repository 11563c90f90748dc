//! Tagring: a lock-free, low-latency event dispatcher for trading processes.
//!
//! Under `--cfg tagring_rtsan` (`./test --sanitize`) publishing and the slot's turn are marked for the RealtimeSanitizer, which ends the process
//! at a lock, an allocation or a system call inside. Not marked, because they may wait: `publish`, `publish_timeout`, `send`, and what a
//! slot's thread does between turns. Marked, and not for its eyes: a ring that is full (its publisher asks whether the reader's thread lives), and
//! a turn that ends the slot or in which its handler panics.
#![cfg_attr(tagring_rtsan, feature(sanitize))]
extern crate self as tagring;
pub mod bus;
pub mod clock;
pub mod counters;
pub mod event;
pub mod gate;
pub mod guard;
pub mod retain;
pub mod ring;
pub mod runtime;
#[allow(unreachable_pub, reason = "the door of the loom build has the same shape")]
mod sync;
pub mod testkit;
/// The allocator, for an embedder's `#[global_allocator]`.
#[cfg(feature = "mimalloc")]
pub use mimalloc;
pub use sync::faults;
#[doc(hidden)]
pub use zerocopy;

/// The pages of the guide, whose code the tests run.
#[cfg(doctest)]
mod guide {
    macro_rules! pages {
        ($($name:ident $file:literal)*) => { $(#[doc = include_str!($file)] struct $name;)* };
    }
    pages! {
        Readme "../README.md"
        Events "../docs/guide/events.md"
        Publishing "../docs/guide/publishing.md"
        Gates "../docs/guide/gates.md"
        Slots "../docs/guide/slots.md"
        Overflow "../docs/guide/overflow.md"
        Lanes "../docs/guide/lanes.md"
        Failure "../docs/guide/failure.md"
        DeadLetters "../docs/guide/dead-letters.md"
        Waiting "../docs/guide/waiting.md"
        Cores "../docs/guide/cores.md"
        OwnLoop "../docs/guide/own-loop.md"
        History "../docs/guide/history.md"
        Bytes "../docs/guide/bytes.md"
        Measuring "../docs/guide/measuring.md"
        Tail "../docs/guide/tail.md"
        Testing "../docs/guide/testing.md"
        Configuration "../docs/guide/configuration.md"
        Runtime "../docs/guide/runtime.md"
        Accounting "../docs/guide/accounting.md"
        Deadlines "../docs/guide/deadlines.md"
        Degradation "../docs/guide/degradation.md"
        Groups "../docs/guide/groups.md"
    }
    #[cfg(feature = "faults")]
    pages! { Faults "../docs/guide/faults.md" }
}
