//! The plan: which threads there will be and on which core each runs, worked out from the configuration and the machine before anything is
//! started; and what is asked of the operating system on the way.

use super::config::{
    BusConfig, Config, DEFAULT_THREAD, FeedConfig, Grant, Mistake, Mistakes, PreflightChoice, WaitChoice,
};
use super::machine::{
    Demand, GrantKind, Granted, Placed, Placement, PlacementError, Preflight, Severity, Topology, Waits, Who,
    lock_memory, place, prefault_stack, realtime,
};
use super::shared::{Shared, lock};
use crate::bus::{CoreError, keep_current_thread_to, pin_current_thread};
use crate::sync::is_simulated;
use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Stack of a thread that is touched before it begins: what a slot loop with deep handlers may use.
const STACK_KIB: usize = 256;

/// Who runs where.
#[derive(Clone, Debug)]
pub struct Plan {
    topology: Topology,
    placement: Placement,
    /// What each demand of the placement is called in the configuration.
    roles: Vec<Role>,
    prefault: Grant,
    realtime: Grant,
    /// What threads that are not pinned are kept to; empty: to nothing.
    cores: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Role {
    name: String,
    is_feed: bool,
    realtime_priority: u8,
}

/// A thread to start.
#[derive(Clone, Debug)]
pub(super) struct ThreadPlan {
    /// The name of its configuration.
    pub(super) group: String,
    /// Its own name.
    pub(super) thread: String,
    pub(super) core: Option<usize>,
    pub(super) shares_core: bool,
    realtime_priority: u8,
    prefault: Grant,
    realtime: Grant,
    /// As in [`Plan`].
    cores: Vec<usize>,
}

/// What was granted and found, a line each; written while threads start.
pub(super) type MachineLines = Arc<Mutex<Vec<String>>>;

impl Plan {
    /// Checks the configuration, and places its threads on the cores that it may use.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn of(config: &Config, topology: &Topology) -> Result<Self, Mistakes> {
        let mut mistakes = config.mistakes();
        match Self::placed(config, topology) {
            Ok(plan) if mistakes.is_empty() => Ok(plan),
            placed => {
                mistakes.extend(placed.err().into_iter().flatten());
                Err(Mistakes(mistakes))
            }
        }
    }

    /// What is wrong with a configuration on that machine, though it may be right in itself.
    #[must_use]
    pub fn mistakes(config: &Config, topology: &Topology) -> Vec<Mistake> {
        Self::placed(config, topology).err().unwrap_or_default()
    }

    fn placed(config: &Config, topology: &Topology) -> Result<Self, Vec<Mistake>> {
        let (roles, demands) = demands(config);
        let all = |errors: Vec<PlacementError>| errors.iter().map(mistake).collect::<Vec<_>>();
        let topology = match config.runtime.cores.as_slice() {
            [] => topology.clone(),
            cores => topology.clone().limited_to(cores).map_err(all)?,
        };
        let placement = place(&topology, &demands).map_err(all)?;
        let threads = placement.threads.len() as u64;
        if threads > u64::from(config.runtime.threads_max) {
            let (limit, allowed) = (config.runtime.threads_max, format!("at least {threads}"));
            let wrong = format!("the configuration has {threads} threads, the service thread included");
            let mistake = Mistake::new("TR-0756", "runtime.threads_max", limit, wrong).allowed(allowed);
            return Err(vec![mistake.remedy("raise it, or put slots on fewer threads")]);
        }
        let (prefault, realtime) = (config.runtime.prefault, config.runtime.realtime);
        let cores = config.runtime.cores.clone();
        Ok(Self { topology, placement, roles, prefault, realtime, cores })
    }

    /// Who runs where, and why there.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The slot threads to start, in order.
    pub(super) fn slot_threads(&self) -> Vec<ThreadPlan> {
        let slots = |placed: &&Placed| self.roles.get(placed.demand).is_some_and(|role| !role.is_feed);
        self.placement.threads.iter().filter(slots).map(|placed| self.thread(placed)).collect()
    }

    /// The thread of a feed.
    pub(super) fn feed(&self, name: &str) -> ThreadPlan {
        let is_it =
            |placed: &&Placed| self.roles.get(placed.demand).is_some_and(|role| role.is_feed && role.name == name);
        match self.placement.threads.iter().find(is_it) {
            Some(placed) => self.thread(placed),
            None => unreachable!("every configured feed is placed"),
        }
    }

    fn thread(&self, placed: &Placed) -> ThreadPlan {
        let role = &self.roles[placed.demand];
        let siblings = self.placement.cores_of(placed.demand).count();
        let thread = if siblings > 1 { format!("{}-{}", role.name, placed.thread) } else { role.name.clone() };
        let busy_there = |core: usize| {
            let there = self.placement.threads.iter().filter(|other| other.core == Some(core));
            there.filter(|other| other.waits.is_busy()).count()
        };
        ThreadPlan {
            group: role.name.clone(),
            thread,
            core: placed.core,
            shares_core: placed.core.is_some_and(|core| busy_there(core) > 1),
            realtime_priority: role.realtime_priority,
            prefault: self.prefault,
            realtime: self.realtime,
            cores: self.cores.clone(),
        }
    }

    /// Keeps the calling thread, which is not pinned, to the cores that the runtime may use.
    pub(super) fn keep_within_cores(&self) -> Result<(), CoreError> {
        keep_within(&self.cores)
    }

    /// Asks the operating system for what concerns the whole process, and looks at the machine.
    ///
    /// # Errors
    /// In words, everything that is required and not granted, or found and not accepted.
    pub(super) fn prepare_process(&self, shared: &Shared) -> Result<(), Vec<String>> {
        let config = &shared.config.runtime;
        let mut refused = Vec::new();
        let mut lines = Vec::new();
        if config.lock_memory != Grant::Off {
            note(lock_memory(config.lock_memory), &mut lines, &mut refused);
        }
        if config.huge_pages != Grant::Off {
            for bus in shared.registry.all().iter() {
                for granted in bus.huge_pages(config.huge_pages) {
                    note(granted, &mut lines, &mut refused);
                }
            }
        }
        let priority_max = self.roles.iter().map(|role| role.realtime_priority).max().unwrap_or(0);
        let findings = if config.preflight == PreflightChoice::Off {
            self.placement.findings()
        } else {
            let realtime = if priority_max > 0 { config.realtime } else { Grant::Off };
            Preflight::new(&self.topology, &self.placement)
                .clock(shared.clock.report())
                .lock_memory(config.lock_memory, config.memory_max_bytes)
                .realtime(realtime, priority_max)
                .look()
        };
        for finding in &findings {
            lines.push(finding.to_string());
            if config.preflight == PreflightChoice::Refuse && finding.severity != Severity::Info {
                refused.push(finding.to_string());
            }
        }
        lock(&shared.machine).extend(lines);
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }
}

impl ThreadPlan {
    /// What a thread does first: its priority and its stack.
    pub(super) fn prepare(&self, lines: &MachineLines) -> impl FnOnce() -> Result<(), String> + Send + 'static {
        let (plan, lines) = (self.clone(), Arc::clone(lines));
        move || {
            let mut refused = Vec::new();
            let mut said = Vec::new();
            if plan.core.is_none()
                && let Err(error) = keep_within(&plan.cores)
            {
                refused.push(error.to_string());
            }
            if plan.realtime_priority > 0 && plan.realtime != Grant::Off {
                note(realtime(plan.realtime_priority, plan.realtime), &mut said, &mut refused);
            }
            if plan.prefault != Grant::Off {
                note(prefault_stack(STACK_KIB, plan.prefault), &mut said, &mut refused);
            }
            lock(&lines).extend(said.into_iter().map(|line| format!("thread {}: {line}", plan.thread)));
            if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
        }
    }

    /// As [`Self::prepare`], for a thread that has to pin itself.
    pub(super) fn prepare_pinned(&self, lines: &MachineLines) -> impl FnOnce() -> Result<(), String> + Send + 'static {
        let (core, prepare) = (self.core, self.prepare(lines));
        move || {
            core.map_or(Ok(()), pin_current_thread).map_err(|error| error.to_string())?;
            prepare()
        }
    }
}

fn keep_within(cores: &[usize]) -> Result<(), CoreError> {
    if cores.is_empty() || is_simulated() { Ok(()) } else { keep_current_thread_to(cores) }
}

/// Writes down what became of a request. Stacks that were touched as asked are not worth a line for each thread.
fn note(granted: Granted, lines: &mut Vec<String>, refused: &mut Vec<String>) {
    if granted.what != GrantKind::Prefault || granted.is_missing() {
        lines.push(granted.to_string());
    }
    if let Err(error) = granted.required() {
        refused.push(error.to_string());
    }
}

/// What wants to run, feeds first.
fn demands(config: &Config) -> (Vec<Role>, Vec<Demand>) {
    let mut roles = Vec::new();
    let mut demands = Vec::new();
    for (name, FeedConfig { cores, spins, realtime_priority }) in &config.feeds {
        // A feed that is busy yields where it has to share a core: `Feed::shares_core` tells it so.
        let waits = if *spins { Waits::Yields } else { Waits::Parks };
        let key = Some(format!("feeds.{name}.cores"));
        demands.push(Demand { cores: cores.clone(), key, ..Demand::feed(name, waits) });
        roles.push(Role { name: name.clone(), is_feed: true, realtime_priority: *realtime_priority });
    }
    let near = (!demands.is_empty()).then_some(0);
    let mut groups: BTreeMap<&str, (usize, Waits)> = BTreeMap::new();
    for name in config.threads.keys() {
        groups.insert(name, (0, Waits::Parks));
    }
    let history: Vec<_> = config.buses.values().flat_map(BusConfig::history_slots).map(|(_, slot, _)| slot).collect();
    for slot in config.buses.values().flat_map(|bus| bus.slots.values()).chain(&history) {
        let (slots, waits) = groups.entry(&slot.thread).or_insert((0, Waits::Parks));
        *slots += 1;
        *waits = (*waits).min(match slot.wait {
            WaitChoice::Spin => Waits::Spins,
            WaitChoice::SpinThenYield => Waits::Yields,
            WaitChoice::SpinThenPark => Waits::Parks,
        });
    }
    if groups.is_empty() && config.runtime.system_cells > 0 {
        groups.insert(DEFAULT_THREAD, (0, Waits::Parks));
    }
    for (name, (slots, waits)) in groups {
        let thread = config.threads.get(name).cloned().unwrap_or_default();
        let key = config.threads.contains_key(name).then(|| format!("threads.{name}.cores"));
        let demand = Demand::slots(name, waits, thread.threads_max as usize, slots);
        demands.push(Demand { cores: thread.cores, key, near, ..demand });
        let realtime_priority = thread.realtime_priority;
        roles.push(Role { name: name.to_owned(), is_feed: false, realtime_priority });
    }
    demands.push(Demand { cores: super::config::Cores::Any, ..Demand::service("service") });
    (roles, demands)
}

/// What is wrong with a placement, as a mistake in the configuration.
fn mistake(error: &PlacementError) -> Mistake {
    let who = match error {
        PlacementError::NotAllowed { who, .. }
        | PlacementError::EmptyList { who }
        | PlacementError::ListTooShort { who, .. }
        | PlacementError::SharedCore { spinning: who, .. } => Some(who),
        _ => None,
    };
    let path = who.and_then(|who: &Who| who.key.clone()).unwrap_or_else(|| "runtime.cores".into());
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" [{}]", error.code())).unwrap_or(&text);
    // The key says who it is.
    let what = who.and_then(|who| text.strip_prefix(&format!("{who}: "))).unwrap_or(text);
    Mistake::new(error.code(), path, "", what)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.placement.fmt(f)
    }
}
