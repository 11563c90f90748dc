//! The gates of a runtime's publishers: built from their configuration, and counted under the publisher's name from the start.

use super::config::{BusConfig, GateConfig, PublisherConfig, TimeOrderChoice};
use super::error::RuntimeError;
use crate::bus::Name;
use crate::event::{Family, TagSet};
use crate::gate::{
    Configured, Dedup, GateCounts, GateView, NotAfter, Quota, Rate, Reason, RuleError, TagRejections, TimeOrder,
    Validate,
};
use core::time::Duration;
use crossbeam_utils::atomic::AtomicCell;

/// A publisher that is configured with gates.
pub(super) struct GatePost {
    pub(super) publisher: Name,
    pub(super) view: GateView,
    /// Until the publisher is taken.
    counts: AtomicCell<Option<Box<GateCounts>>>,
}

/// A gated publisher at one moment: `offered = rejected + shed + failed + published`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherSnapshot {
    /// The publisher.
    pub publisher: Name,
    /// Events that it was given.
    pub offered: u64,
    /// Events that are in the ring.
    pub published: u64,
    /// Events that `send` left out because the ring was full.
    pub shed: u64,
    /// Events that the bus did not take, which the caller was told: full, timed out, closed.
    pub failed: u64,
    /// Events that gates did not let in, by reason: all reasons, in order.
    pub rejected: Vec<(Reason, u64)>,
    /// The same by tag and reason: those there are.
    pub rejected_by_tag: Vec<TagRejections>,
}

impl PublisherSnapshot {
    fn of(post: &GatePost) -> Self {
        let rejected: Vec<_> = Reason::ALL.into_iter().map(|reason| (reason, post.view.rejected_for(reason))).collect();
        let (published, shed, failed) = (post.view.published(), post.view.shed(), post.view.failed());
        let all = rejected.iter().map(|(_, count)| count).sum::<u64>();
        Self {
            publisher: post.publisher,
            offered: all + shed + failed + published,
            published,
            shed,
            failed,
            rejected,
            rejected_by_tag: post.view.by_tag(),
        }
    }

    /// Events that gates did not let in, for any reason.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.iter().map(|(_, count)| count).sum()
    }

    /// Its numbers by name.
    pub(super) fn series(&self, bus: Name, all: &mut Vec<(String, u64)>) {
        let at = format!("buses.{bus}.publishers.{}", self.publisher);
        let numbers =
            [("offered", self.offered), ("published", self.published), ("shed", self.shed), ("failed", self.failed)];
        all.extend(numbers.map(|(what, value)| (format!("{at}.{what}"), value)));
        all.extend(self.rejected.iter().map(|(reason, count)| (format!("{at}.rejected.{reason}"), *count)));
    }
}

impl core::fmt::Display for PublisherSnapshot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { publisher, offered, published, shed, failed, .. } = self;
        write!(f, "publisher {publisher}: {offered} offered, {published} published, {shed} shed, {failed} failed")?;
        write!(f, ", {} rejected", self.rejected())?;
        for (at, (reason, count)) in self.rejected.iter().filter(|(_, count)| *count > 0).enumerate() {
            write!(f, "{}{count} {reason}", if at == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

impl GatePost {
    /// The gated publishers of a bus; whether each one's gates fit the bus's events is found here.
    pub(super) fn all<F: Family>(bus: Name, config: &BusConfig) -> Result<Vec<Self>, RuntimeError> {
        let gated = config.publishers.iter().filter(|(_, publisher)| !publisher.gate.is_open());
        gated
            .map(|(name, publisher)| {
                publisher.gates::<F>(bus, name)?;
                let counts = GateCounts::of::<F>();
                let (publisher, view) = (Name::new(name), counts.view());
                Ok(Self { publisher, view, counts: AtomicCell::new(Some(Box::new(counts))) })
            })
            .collect()
    }

    /// The counts, for the publisher that is taken now.
    pub(super) fn take<F: Family>(posts: &[Self], publisher: Name) -> GateCounts {
        let post = posts.iter().find(|post| post.publisher == publisher);
        post.and_then(|post| post.counts.take()).map_or_else(GateCounts::of::<F>, |counts| *counts)
    }

    pub(super) fn snapshots(posts: &[Self]) -> Vec<PublisherSnapshot> {
        posts.iter().map(PublisherSnapshot::of).collect()
    }
}

impl PublisherConfig {
    /// The gates that it is configured with.
    pub(super) fn gates<F: Family>(&self, bus: Name, publisher: &str) -> Result<Configured<F>, RuntimeError> {
        let gate = |cause| RuntimeError::Gate { bus, publisher: publisher.to_owned(), cause: Box::new(cause) };
        self.gate.build().map_err(gate)
    }
}

impl GateConfig {
    fn build<F: Family>(&self) -> Result<Configured<F>, RuleError> {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let time_order = match self.time_order {
            TimeOrderChoice::Any => None,
            TimeOrderChoice::Publisher => Some(TimeOrder::of_publisher()),
            TimeOrderChoice::Key => Some(TimeOrder::by_key(size(self.time_keys_max))?),
        };
        let not_after = match (self.age_max_ns, self.deadlines) {
            (0, false) => None,
            (0, true) => Some(NotAfter::deadline()),
            (age, false) => Some(NotAfter::age(Duration::from_nanos(age)).without_deadlines()),
            (age, true) => Some(NotAfter::age(Duration::from_nanos(age))),
        };
        let dedup = (self.dedup_window > 0).then(|| Dedup::new(self.dedup_clients, self.dedup_window)).transpose()?;
        let quota = (self.quota_in_flight > 0).then(|| Quota::in_flight(size(self.quota_in_flight))).transpose()?;
        Ok(Configured { validate: self.validation()?, time_order, not_after, dedup, quota, rate: self.rate::<F>()? })
    }

    fn validation<F: Family>(&self) -> Result<Option<Validate<F>>, RuleError> {
        if !self.validate && self.ranges.is_empty() {
            return Ok(None);
        }
        let empty = if self.validate { Validate::new() } else { Validate::new().without_declared() };
        self.ranges.iter().try_fold(empty, |validate, rule| validate.rule(rule)).map(Some)
    }

    fn rate<F: Family>(&self) -> Result<Option<Rate>, RuleError> {
        let mut rate = match self.rate_per_s {
            0 if self.rates.is_empty() => return Ok(None),
            0 => Rate::by_group(),
            per_s => Rate::per_second(per_s, self.rate_burst)?,
        };
        for (name, group) in &self.rates {
            let tags =
                group.tags.iter().map(|tag| F::tag_by_name(tag).map_err(|cause| RuleError::Payload(Box::new(cause))));
            rate = rate.group(name, &tags.collect::<Result<TagSet, _>>()?, group.per_s, group.burst)?;
        }
        Ok(Some(rate))
    }

    /// Bytes that its gates take: sequences, windows, times of keys, tables by tag, counts.
    pub(super) fn memory_bytes<F: Family>(&self) -> u64 {
        if self.is_open() {
            return 0;
        }
        let keys = match self.time_order {
            TimeOrderChoice::Key => self.time_keys_max.saturating_mul(64),
            _ => 0,
        };
        let windows = u64::from(self.dedup_clients).saturating_mul(self.dedup_window / 8 + 16);
        let windows = if self.dedup_window > 0 { windows } else { 0 };
        let by_tag = 32_768 + 136 * (F::SCHEMAS.len() as u64 + 1);
        self.quota_in_flight.saturating_mul(8).saturating_add(keys).saturating_add(windows).saturating_add(by_tag)
    }
}
