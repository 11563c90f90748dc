//! Gates that are there or not as a configuration says: what a runtime puts round its publishers.

use super::dedup::Dedup;
use super::gated::Gated;
use super::not_after::NotAfter;
use super::offer::Offer;
use super::quota::Quota;
use super::rate::Rate;
use super::rejection::Rejection;
use super::rule_error::RuleError;
use super::time_order::TimeOrder;
use super::tuples::{Gate, Site};
use super::validate::Validate;
use crate::event::Family;
use crate::ring;

/// Each gate, or none; they look at an event in this order. One that is not there costs a branch.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named by their types")]
pub struct Configured<F: Family> {
    pub validate: Option<Validate<F>>,
    pub time_order: Option<TimeOrder>,
    pub not_after: Option<NotAfter>,
    pub dedup: Option<Dedup>,
    pub quota: Option<Quota>,
    pub rate: Option<Rate>,
}

/// The only publisher of a runtime's bus, behind the gates of its configuration.
pub type GatedPublisher<F> = Gated<F, ring::Publisher<<F as Family>::Cell>, Configured<F>>;
/// One of many publishers of a runtime's bus, behind the gates of its configuration.
pub type GatedSharedPublisher<F> = Gated<F, ring::SharedPublisher<<F as Family>::Cell>, Configured<F>>;

impl<F: Family> Default for Configured<F> {
    fn default() -> Self {
        Self { validate: None, time_order: None, not_after: None, dedup: None, quota: None, rate: None }
    }
}

/// Calls the same method of each gate's trait.
macro_rules! each {
    ($gates:ident: $method:ident($($argument:expr),*) $($mark:tt)?) => {
        each!(@ $gates $method ($($argument),*) [$($mark)?] validate time_order not_after dedup quota rate)
    };
    (@ $gates:ident $method:ident $arguments:tt $mark:tt $($gate:ident)*) => {
        $(each!(# $gates $gate $method $arguments $mark);)*
    };
    (# $gates:ident $gate:ident $method:ident ($($argument:expr),*) [$($mark:tt)?]) => {
        Gate::<F>::$method(&mut $gates.$gate, $($argument),*) $($mark)?
    };
}

impl<F: Family> Gate<F> for Configured<F> {
    fn put_up(&mut self, site: &Site<'_>) -> Result<(), RuleError> {
        each!(self: put_up(site)?);
        Ok(())
    }

    fn prepare(&mut self, count: usize, passed: &impl Fn() -> u64) {
        each!(self: prepare(count, passed));
    }

    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, passed: &impl Fn() -> u64) -> Result<(), Rejection> {
        each!(self: check(offer, passed)?);
        Ok(())
    }

    #[inline(always)]
    fn settle(&mut self, offer: &Offer<'_>, sequence: u64) {
        each!(self: settle(offer, sequence));
    }
}
