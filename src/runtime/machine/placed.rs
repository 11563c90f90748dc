//! Who runs where: the result of placement, which the runtime follows and the preflight looks at.

use super::demand::{DemandKind, Waits};
use super::finding::{Finding, FindingKind, Severity};
use core::fmt;
use std::collections::BTreeMap;

/// Why a thread is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The configuration says so.
    Listed,
    /// A core to itself, the best that was free.
    Own {
        /// Whether the kernel keeps other threads away from it.
        isolated: bool,
        /// Whether nothing else was placed on its physical core before.
        whole: bool,
        /// Whether it is on the node of the thread it exchanges events with, where there is one.
        near: Option<bool>,
    },
    /// It wanted a core of its own, and none was left.
    Doubled,
    /// A core on which nobody is busy, for a thread that parks.
    LeftOver,
    /// Not pinned, as asked.
    Anywhere,
    /// Not pinned: a busy thread is on every core, and the kernel knows better which one has time.
    NoneLeft,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed => f.write_str("as configured"),
            Self::Own { isolated, whole, near } => {
                f.write_str("to itself")?;
                let parts = [
                    (*isolated, ", isolated"),
                    (!*whole, ", hyper-thread of a core in use"),
                    (*near == Some(true), ", on its partner's node"),
                    (*near == Some(false), ", on another node than its partner"),
                ];
                parts.iter().filter(|(holds, _)| *holds).try_for_each(|(_, part)| f.write_str(part))
            }
            Self::Doubled => f.write_str("shared: no core was left"),
            Self::LeftOver => f.write_str("where nobody is busy"),
            Self::Anywhere => f.write_str("not pinned, as configured"),
            Self::NoneLeft => f.write_str("not pinned: every core has a busy thread"),
        }
    }
}

/// One thread and its core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The demand, by its place in the list.
    pub demand: usize,
    /// The demand's name.
    pub name: String,
    /// What it does.
    pub kind: DemandKind,
    /// What it does with its core while idle.
    pub waits: Waits,
    /// Which of the demand's threads, from 0.
    pub thread: usize,
    /// The core to pin it to; none: it is not pinned.
    pub core: Option<usize>,
    /// Why there.
    pub why: Why,
}

/// Who runs where. Its `Display` has a line for each thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The threads, by demand and number.
    pub threads: Vec<Placed>,
}

impl Placement {
    /// The cores of one demand's threads, in order.
    pub fn cores_of(&self, demand: usize) -> impl Iterator<Item = Option<usize>> {
        self.threads.iter().filter(move |placed| placed.demand == demand).map(|placed| placed.core)
    }

    /// The cores that threads are pinned to, ascending, and those threads.
    #[must_use]
    pub fn by_core(&self) -> BTreeMap<usize, Vec<&Placed>> {
        let mut cores: BTreeMap<usize, Vec<&Placed>> = BTreeMap::new();
        for placed in &self.threads {
            if let Some(core) = placed.core {
                cores.entry(core).or_default().push(placed);
            }
        }
        cores
    }

    /// The cores that threads keep busy, ascending.
    #[must_use]
    pub fn busy_cores(&self) -> Vec<usize> {
        let busy = |(core, threads): (usize, Vec<&Placed>)| threads.iter().any(|t| t.waits.is_busy()).then_some(core);
        self.by_core().into_iter().filter_map(busy).collect()
    }

    /// Threads that keep a core busy, pinned or not.
    #[must_use]
    pub fn busy_threads(&self) -> usize {
        self.threads.iter().filter(|placed| placed.waits.is_busy()).count()
    }

    /// What is not as it should be, though it runs: threads that want a core of their own and share one, threads that are left
    /// without a core.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let shared = self
            .by_core()
            .into_iter()
            .filter(|(_, threads)| threads.len() > 1 && threads.iter().any(|placed| placed.waits.is_busy()));
        let shared = shared.map(|(core, threads)| Finding {
            kind: FindingKind::SharedCore,
            place: format!("core {core}"),
            value: threads.iter().map(|placed| placed.to_string()).collect::<Vec<_>>().join(" and "),
            wanted: "one thread where one keeps the core busy".into(),
            remedy: "let them park (`wait = \"spin-then-park\"`), use fewer threads, or allow more cores".into(),
            severity: Severity::Warning,
        });
        let homeless = self.threads.iter().filter(|placed| placed.why == Why::NoneLeft).map(|placed| Finding {
            kind: FindingKind::NoCoreLeft,
            place: placed.to_string(),
            value: "a busy thread on every core".into(),
            wanted: "a core on which nobody is busy".into(),
            remedy: "use fewer threads that spin or yield, or allow more cores".into(),
            severity: Severity::Info,
        });
        shared.chain(homeless).collect()
    }
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DemandKind::Slots => "slots",
            DemandKind::Feed => "feed",
            DemandKind::Service => "service",
        };
        write!(f, "{kind} {}/{} ({})", self.name, self.thread, self.waits.name())
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, placed) in self.threads.iter().enumerate() {
            let line = if at > 0 { "\n" } else { "" };
            match placed.core {
                Some(core) => write!(f, "{line}core {core:>3}  {placed}: {}", placed.why)?,
                None => write!(f, "{line}any core  {placed}: {}", placed.why)?,
            }
        }
        Ok(())
    }
}
