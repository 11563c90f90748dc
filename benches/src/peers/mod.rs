//! The queues that are measured, one file each. Each is used as its documentation recommends for speed: in place and in batches
//! where it can; `benches/README.md` says how and why.

mod bare;
mod crossbeam;
mod disruptor;
mod each;
mod flume;
#[cfg(feature = "iceoryx2")]
mod iceoryx2;
mod kanal;
pub mod lmax;
mod queues;
mod rtrb;
mod tagring;
mod thingbuf;
mod tokio;

pub use self::bare::{BareAtomics, BareLines};
pub use self::crossbeam::{CrossbeamChannel, CrossbeamQueue};
pub use self::disruptor::Disruptor;
pub use self::each::Each;
pub use self::flume::Flume;
#[cfg(feature = "iceoryx2")]
pub use self::iceoryx2::Iceoryx2;
pub use self::kanal::{KanalBlocking, KanalPolled};
pub use self::queues::Queues;
pub use self::rtrb::{RtrbChunks, RtrbPushPop};
pub use self::tagring::Tagring;
pub use self::thingbuf::Thingbuf;
pub use self::tokio::TokioMpsc;

/// At most this many events are taken in one poll, so that room is handed back in time. An eighth of the capacity measured.
const TURN: usize = 128;

/// For an end that needs nothing of the thread it is on: `unbound!(T, Outlet for Sending<T>)`.
macro_rules! unbound {
    ($T:ident, Outlet for $end:ty) => {
        impl<$T: tagring::ring::Plain> crate::peer::Outlet<$T> for $end {
            fn bind(self) -> impl crate::peer::Sender<$T> {
                self
            }
        }
    };
    ($T:ident, Receiver for $end:ty) => {
        impl<$T: tagring::ring::Plain> crate::peer::Receiver<$T> for $end {
            fn bind(self) -> impl crate::peer::Polled<$T> {
                self
            }
        }
    };
}
use unbound;
