//! The preflight: looks at this machine before threads start and says what will cost latency, or will not be had. It changes nothing.
//! The runtime calls it with who is going to run where; what becomes of the findings is the configuration's choice.
//!
//! What cannot be read is left out: a finding is something that was seen.

use super::busy::{Census, CpuTimes};
use super::core_list::named;
use super::finding::{Finding, FindingKind, Severity};
use super::kernel_files::KernelFiles;
use super::placed::Placement;
use super::preflight_cores::core_findings;
use super::preflight_limits::limit_findings;
use super::topology::Topology;
use crate::clock::{ClockReport, ClockSource};
use crate::runtime::config::Grant;
use core::time::Duration;
use std::path::Path;

/// Between two looks at how busy cores are: five of the kernel's ticks.
const PAUSE: Duration = Duration::from_millis(50);
/// A core is busy from here on: two of five ticks, one may be chance.
const BUSY_PERCENT: u64 = 20;
/// More than this taken by the hypervisor is said.
const STOLEN_PERCENT: u64 = 5;

/// What the preflight looks for.
///
/// ```
/// use tagring::runtime::machine::{Demand, Preflight, Topology, Waits, place};
///
/// let machine = Topology::read();
/// let placement = place(&machine, &[Demand::feed("itch", Waits::Yields)]).unwrap();
/// for finding in Preflight::new(&machine, &placement).look() {
///     println!("{finding}");
/// }
/// ```
#[must_use = "nothing is looked at until `look` is called"]
pub struct Preflight<'a> {
    pub(super) topology: &'a Topology,
    pub(super) placement: &'a Placement,
    pub(super) files: KernelFiles,
    pub(super) lock: Grant,
    pub(super) memory_bytes: u64,
    pub(super) realtime: Grant,
    pub(super) priority_max: u8,
    clock: Option<ClockReport>,
    pause: Box<dyn FnMut() + 'a>,
}

impl<'a> Preflight<'a> {
    /// Looks at this machine, for threads that are going to run there. Takes 50 ms, twice that where a core is busy.
    pub fn new(topology: &'a Topology, placement: &'a Placement) -> Self {
        Self {
            topology,
            placement,
            files: KernelFiles::below(Path::new("/")),
            lock: Grant::Off,
            memory_bytes: 0,
            realtime: Grant::Off,
            priority_max: 0,
            clock: None,
            pause: Box::new(|| std::thread::sleep(PAUSE)),
        }
    }

    /// What the clock says of itself.
    pub fn clock(mut self, report: ClockReport) -> Self {
        self.clock = Some(report);
        self
    }

    /// Whether memory will be locked, and how many bytes at least.
    pub fn lock_memory(mut self, asked: Grant, bytes: u64) -> Self {
        (self.lock, self.memory_bytes) = (asked, bytes);
        self
    }

    /// Whether threads will be real-time, and the highest priority among them; 0: none is.
    pub fn realtime(mut self, asked: Grant, priority_max: u8) -> Self {
        (self.realtime, self.priority_max) = (asked, priority_max);
        self
    }

    /// Looks at the tree of `sys` and `proc` below `root` instead of at this machine, for tests.
    pub fn root(mut self, root: &Path) -> Self {
        self.files = KernelFiles::below(root);
        self
    }

    /// What to do between two looks at how busy cores are, instead of sleeping, for tests.
    pub fn pause(mut self, pause: impl FnMut() + 'a) -> Self {
        self.pause = Box::new(pause);
        self
    }

    /// Looks. Warnings come first.
    pub fn look(mut self) -> Vec<Finding> {
        let mut findings = self.placement.findings();
        findings.extend(self.clock.as_ref().and_then(clock_finding));
        findings.extend(core_findings(&self));
        findings.extend(limit_findings(&self));
        findings.extend(self.strangers());
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.kind));
        findings
    }

    /// Cores that a thread of ours will keep busy and that somebody else keeps busy now.
    fn strangers(&mut self) -> Vec<Finding> {
        let cores = self.placement.busy_cores();
        let reading = |files: &KernelFiles| files.text("proc/stat").map(|text| CpuTimes::parse(&text));
        let Some(before) = reading(&self.files).filter(|_| !cores.is_empty()) else { return Vec::new() };
        (self.pause)();
        let Some(after) = reading(&self.files) else { return Vec::new() };
        let loads = cores.iter().filter_map(|&core| Some((core, after.load_since(&before, core)?)));
        let loads: Vec<_> = loads.collect();
        let busy = loads.iter().filter(|(_, load)| load.busy_percent > BUSY_PERCENT);
        let busy: Vec<_> = busy.map(|(core, load)| (*core, load.busy_percent)).collect();
        let stolen = loads.iter().filter(|(_, load)| load.stolen_percent > STOLEN_PERCENT);
        let stolen = stolen.map(|(core, load)| stolen_finding(*core, load.stolen_percent));
        self.name_strangers(&busy).into_iter().chain(stolen).collect()
    }

    /// Who it is costs a look at every thread of the machine: only where somebody is.
    fn name_strangers(&mut self, busy: &[(usize, u64)]) -> Vec<Finding> {
        if busy.is_empty() {
            return Vec::new();
        }
        let before = Census::take(&self.files);
        (self.pause)();
        let after = Census::take(&self.files);
        busy.iter().map(|&(core, percent)| stranger(core, percent, after.busiest_since(&before, core))).collect()
    }
}

fn stranger(core: usize, percent: u64, by: Option<String>) -> Finding {
    let by = by.map_or(String::new(), |by| format!(", by {by}"));
    Finding {
        kind: FindingKind::BusyCore,
        place: named(&[core]),
        value: format!("{percent} % busy{by}"),
        wanted: format!("at most {BUSY_PERCENT} %: a thread of ours will keep it busy"),
        remedy: "move the other elsewhere (taskset, cpuset), or choose another core".into(),
        severity: Severity::Warning,
    }
}

fn stolen_finding(core: usize, percent: u64) -> Finding {
    Finding {
        kind: FindingKind::Stolen,
        place: named(&[core]),
        value: format!("{percent} % of its time went to other machines"),
        wanted: format!("at most {STOLEN_PERCENT} %"),
        remedy: "have the virtual processors pinned to processors of their own, or use another host".into(),
        severity: Severity::Warning,
    }
}

fn clock_finding(report: &ClockReport) -> Option<Finding> {
    (report.source == ClockSource::Monotonic).then(|| Finding {
        kind: FindingKind::Clock,
        place: "clock".into(),
        value: report.to_string(),
        wanted: "the processor's counter: it is read several times faster".into(),
        remedy: match report.reason {
            Some(_) => "boot with `tsc=reliable` where the counter is known to be good, or take another machine",
            None => "say `clock = \"auto\"`",
        }
        .into(),
        // Without a reason it was asked for.
        severity: if report.reason.is_some() { Severity::Warning } else { Severity::Info },
    })
}
