//! The slot threads of a runtime, by the name of their configuration. They are started with it; none comes later.

use super::error::{Kind, RuntimeError};
use crate::bus::SlotThread;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All slot threads.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<String, Group>);

/// The threads of one configuration; slots are dealt to them in turn.
#[derive(Default)]
struct Group {
    threads: Vec<SlotThread>,
    dealt: AtomicUsize,
}

impl Groups {
    pub(super) fn add(&mut self, name: &str, thread: SlotThread) {
        self.0.entry(name.to_owned()).or_default().threads.push(thread);
    }

    /// The next thread of a group.
    pub(super) fn deal(&self, group: &str) -> Result<&SlotThread, RuntimeError> {
        let unknown = || RuntimeError::Unknown {
            kind: Kind::Thread,
            name: group.to_owned(),
            known: self.0.keys().cloned().collect(),
        };
        let Group { threads, dealt } = self.0.get(group).ok_or_else(unknown)?;
        let turn = dealt.fetch_add(1, Ordering::Relaxed);
        threads.get(turn % threads.len().max(1)).ok_or_else(unknown)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &SlotThread> {
        self.0.values().flat_map(|group| &group.threads)
    }
}
