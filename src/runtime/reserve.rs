//! What the runtime has promised: buses and bytes, counted before anything is allocated and given back when the last user lets go.

use super::error::{Kind, RuntimeError};
use crate::bus::Name;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The limits, and what is taken of them.
#[derive(Debug)]
pub(super) struct Limits {
    buses_max: u64,
    memory_max_bytes: u64,
    buses: AtomicU64,
    memory_bytes: AtomicU64,
}

/// A share of the limits, a bus's or a slot's. Dropping it gives that back.
#[derive(Debug)]
pub(super) struct Reservation {
    limits: Arc<Limits>,
    buses: u64,
    bytes: u64,
}

impl Limits {
    pub(super) fn new(buses_max: u64, memory_max_bytes: u64) -> Arc<Self> {
        Arc::new(Self { buses_max, memory_max_bytes, buses: AtomicU64::new(0), memory_bytes: AtomicU64::new(0) })
    }

    /// Buses there are, those in the building and those somebody still holds included.
    pub(super) fn buses(&self) -> u64 {
        self.buses.load(Ordering::Relaxed)
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Takes room for one more bus, or says which limit is in the way.
    pub(super) fn reserve(self: &Arc<Self>, bus: Name, bytes: u64) -> Result<Reservation, RuntimeError> {
        let step = |count: u64| (count < self.buses_max).then_some(count + 1);
        self.buses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).map_err(|_| RuntimeError::Exhausted {
            kind: Kind::Bus,
            name: bus.to_string(),
            limit: self.buses_max,
            key: "runtime.buses_max",
        })?;
        // From here on the bus is given back by dropping this.
        let mut reservation = Reservation { limits: Arc::clone(self), buses: 1, bytes: 0 };
        let mut of_bytes = self.reserve_bytes(bus, bytes)?;
        reservation.bytes = core::mem::take(&mut of_bytes.bytes);
        Ok(reservation)
    }

    /// Takes room for so many bytes more, for something of a bus.
    pub(super) fn reserve_bytes(self: &Arc<Self>, bus: Name, bytes: u64) -> Result<Reservation, RuntimeError> {
        let step = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.memory_max_bytes);
        let taken = self.memory_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        taken.map_err(|used_bytes| RuntimeError::Memory {
            bus,
            need_bytes: bytes,
            used_bytes,
            limit_bytes: self.memory_max_bytes,
        })?;
        Ok(Reservation { limits: Arc::clone(self), buses: 0, bytes })
    }
}

impl Reservation {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.limits.buses.fetch_sub(self.buses, Ordering::Relaxed);
        self.limits.memory_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4547_what_is_over_a_limit_is_refused_and_takes_nothing() {
        let limits = Limits::new(2, 100);
        let first = limits.reserve("a".into(), 60).unwrap();
        let memory = limits.reserve("b".into(), 41).unwrap_err();
        assert_eq!((memory.code(), limits.buses(), limits.memory_bytes()), ("TR-0805", 1, 60));
        let second = limits.reserve("b".into(), 40).unwrap();
        let bus = limits.reserve("c".into(), 0).unwrap_err();
        assert_eq!((bus.code(), limits.buses(), limits.memory_bytes()), ("TR-0804", 2, 100));
        assert_eq!(limits.reserve("c".into(), u64::MAX).unwrap_err().code(), "TR-0804");
        drop((first, second));
        assert_eq!((limits.buses(), limits.memory_bytes()), (0, 0));
    }
}
