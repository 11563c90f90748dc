//! Gates: what may enter a bus. A gate looks at an event before its publisher publishes it, and says yes or why not.
//!
//! Gates are composed statically, as tuples, and wrapped round a publisher: `publisher.gate((validate, rate))` is a [`Gated`] publisher with the
//! same calls. A gate first checks and remembers nothing; only once the event is in the ring is it settled, so that what another gate or a full
//! ring refuses costs no token and is not marked as seen. Each rejection is a value with a code, and one count by reason and tag.
//!
//! Uses the bus, events, the clock; knows nothing of configuration.

mod configured;
mod counts;
mod dedup;
mod field;
mod gated;
mod not_after;
mod number;
mod offer;
mod quota;
mod rate;
mod rejection;
mod rule_error;
mod time_order;
mod tuples;
mod validate;

pub use configured::{Configured, GatedPublisher, GatedSharedPublisher};
pub use counts::{GateCounts, GateView, TagRejections};
pub use dedup::Dedup;
pub use gated::{Gated, GatedBatch};
pub use not_after::NotAfter;
pub use number::Number;
pub use offer::{Client, Entry, Offer};
pub use quota::Quota;
pub use rate::Rate;
pub use rejection::{Few, NotPublished, Reason, Rejection};
pub use rule_error::RuleError;
pub use time_order::TimeOrder;
pub use tuples::{Gate, Site};
pub use validate::Validate;

// What configurations may say: the bounds of the gates, and whether a text is a rule.
pub(crate) use dedup::{
    CLIENTS_MAX as DEDUP_CLIENTS_MAX, WINDOW_MAX as DEDUP_WINDOW_MAX, WINDOW_MIN as DEDUP_WINDOW_MIN,
};
pub(crate) use rate::{BURST_MAX as RATE_BURST_MAX, PER_S_MAX as RATE_PER_S_MAX};
pub(crate) use time_order::KEYS_MAX as TIME_KEYS_MAX;
pub(crate) use validate::is_rule;
