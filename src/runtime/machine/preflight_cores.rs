//! What the preflight looks for at the cores that threads are placed on: pace, sleep, neighbours.

use super::core_list::named;
use super::demand::{DemandKind, Waits};
use super::finding::{Finding, FindingKind, Severity};
use super::kernel_files::KernelFiles;
use super::placed::{Placed, Placement};
use super::preflight::Preflight;
use super::topology::Topology;
use std::collections::BTreeMap;

const CPU: &str = "sys/devices/system/cpu";
/// Waking from a state that takes longer than this to leave is no longer shallow: C1 and C1E take 1 to 10 us, what is deeper from
/// 33 us (`intel_idle.c` of the kernel).
const SHALLOW_US: i64 = 10;

pub(super) fn core_findings(look: &Preflight<'_>) -> Vec<Finding> {
    let (files, placement, topology) = (&look.files, look.placement, look.topology);
    let busy = placement.busy_cores();
    let mut findings = governors(files, &busy);
    findings.extend(deep_sleep(files, placement));
    findings.extend(boost(files, &busy));
    findings.extend(siblings(topology, placement));
    findings.extend(not_isolated(topology, &busy));
    findings
}

/// Cores with the same value, together.
fn alike(cores: &[usize], value: impl Fn(usize) -> Option<String>) -> BTreeMap<String, Vec<usize>> {
    let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &core in cores {
        if let Some(value) = value(core) {
            alike.entry(value).or_default().push(core);
        }
    }
    alike
}

fn governors(files: &KernelFiles, cores: &[usize]) -> Vec<Finding> {
    let governor = |core| files.text(&format!("{CPU}/cpu{core}/cpufreq/scaling_governor"));
    let slow = alike(cores, |core| governor(core).filter(|governor| governor != "performance"));
    let finding = |(governor, cores): (String, Vec<usize>)| Finding {
        kind: FindingKind::Governor,
        place: named(&cores),
        value: format!("governor `{governor}`"),
        wanted: "`performance`".into(),
        remedy: "run `cpupower frequency-set -g performance`".into(),
        severity: Severity::Warning,
    };
    slow.into_iter().map(finding).collect()
}

/// Only cores that can sleep while an event comes: those on which threads of slots or feeds park.
fn deep_sleep(files: &KernelFiles, placement: &Placement) -> Vec<Finding> {
    let sleeps = |placed: &&Placed| placed.waits == Waits::Parks && placed.kind != DemandKind::Service;
    let mut cores: Vec<usize> = placement.threads.iter().filter(sleeps).filter_map(|placed| placed.core).collect();
    cores.sort_unstable();
    cores.dedup();
    let finding = |(states, cores): (String, Vec<usize>)| Finding {
        kind: FindingKind::DeepSleep,
        place: named(&cores),
        value: format!("enabled: {states}"),
        wanted: format!("no state that takes more than {SHALLOW_US} us to leave: threads park there"),
        remedy: format!("run `cpupower idle-set -D {SHALLOW_US}`, or let the slots yield or spin"),
        severity: Severity::Warning,
    };
    alike(&cores, |core| deep_states(files, core)).into_iter().map(finding).collect()
}

fn deep_states(files: &KernelFiles, core: usize) -> Option<String> {
    let folder = format!("{CPU}/cpu{core}/cpuidle");
    let deep = files.numbered(&folder, "state").into_iter().filter_map(|state| {
        let latency_us = files.number(&format!("{folder}/state{state}/latency"))?;
        let enabled = files.number(&format!("{folder}/state{state}/disable")) == Some(0);
        let name = files.text(&format!("{folder}/state{state}/name"))?;
        (latency_us > SHALLOW_US && enabled).then(|| format!("{name} ({latency_us} us)"))
    });
    let deep: Vec<String> = deep.collect();
    (!deep.is_empty()).then(|| deep.join(", "))
}

fn boost(files: &KernelFiles, busy: &[usize]) -> Option<Finding> {
    let switches = [("intel_pstate/no_turbo", 0), ("cpufreq/boost", 1)];
    let on = |(file, on): &(&str, i64)| files.number(&format!("{CPU}/{file}")) == Some(*on);
    let (file, value) = switches.into_iter().find(on).filter(|_| !busy.is_empty())?;
    Some(Finding {
        kind: FindingKind::Boost,
        place: format!("/{CPU}/{file}"),
        value: value.to_string(),
        wanted: format!("{} where an even pace counts more than the best one", 1 - value),
        remedy: format!("write {} to that file, or leave it: boost is faster on the whole", 1 - value),
        severity: Severity::Info,
    })
}

/// Pairs of hyper-threads of which one is kept busy and the other one has a thread of ours too.
fn siblings(topology: &Topology, placement: &Placement) -> Vec<Finding> {
    let (cores, busy) = (placement.by_core(), placement.busy_cores());
    let mut findings = Vec::new();
    for (&core, threads) in &cores {
        let siblings = topology.core(core).map_or(&[][..], |core| &core.siblings);
        // Each pair once: by its lower number.
        for other in siblings.iter().filter(|&&other| other > core) {
            let Some(others) = cores.get(other) else { continue };
            if busy.contains(&core) || busy.contains(other) {
                findings.push(sibling(&[core, *other], threads[0], others[0]));
            }
        }
    }
    findings
}

fn sibling(pair: &[usize], one: &Placed, other: &Placed) -> Finding {
    Finding {
        kind: FindingKind::SiblingInUse,
        place: named(pair),
        value: format!("{one} and {other} on one physical core"),
        wanted: "a busy thread alone on its physical core: two get about 60 % of its pace each".into(),
        remedy: "use fewer threads, choose other cores, or switch hyper-threading off".into(),
        severity: Severity::Warning,
    }
}

fn not_isolated(topology: &Topology, busy: &[usize]) -> Option<Finding> {
    let open = busy.iter().copied().filter(|&core| topology.core(core).is_some_and(|core| !core.isolated));
    let open: Vec<usize> = open.collect();
    (!open.is_empty()).then(|| Finding {
        kind: FindingKind::NotIsolated,
        place: named(&open),
        value: "the kernel may run others there".into(),
        wanted: "cores kept for us".into(),
        remedy: "boot with `isolcpus=` and `nohz_full=` for them, or use a cpuset partition".into(),
        severity: Severity::Info,
    })
}
