//! How busy cores are, from two readings of `/proc/stat`, and who it is, from two of `/proc/*/task/*/stat`.

use super::kernel_files::KernelFiles;
use std::collections::BTreeMap;

/// Threads looked at for the one that keeps a core busy: each costs about 10 us.
const THREADS_MAX: usize = 4096;

/// Times of each core since the machine started, in the kernel's ticks: one reading of `/proc/stat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    cores: BTreeMap<usize, CoreTimes>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CoreTimes {
    busy: u64,
    stolen: u64,
    all: u64,
}

/// What a core did between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Per cent of the time that it ran something.
    pub busy_percent: u64,
    /// Per cent of the time that the hypervisor gave to others.
    pub stolen_percent: u64,
}

impl CpuTimes {
    /// Reads the text of `/proc/stat`. Lines that are not as they should be are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self { cores: text.lines().filter_map(core_line).collect() }
    }

    /// Kernel ticks, of 10 ms mostly, that the hypervisor gave to others since an earlier reading; 0 where either lacks the core.
    #[must_use]
    pub fn stolen_since(&self, earlier: &Self, core: usize) -> u64 {
        let stolen = |times: &Self| times.cores.get(&core).map_or(0, |core| core.stolen);
        if earlier.cores.contains_key(&core) { stolen(self).saturating_sub(stolen(earlier)) } else { 0 }
    }

    /// What a core did since an earlier reading; `None` if either lacks it, or less than two ticks lie between them.
    #[must_use]
    pub fn load_since(&self, earlier: &Self, core: usize) -> Option<Load> {
        let (before, after) = (earlier.cores.get(&core)?, self.cores.get(&core)?);
        let all = after.all.checked_sub(before.all).filter(|&ticks| ticks >= 2)?;
        // The kernel's counts of idle time may run backwards by a tick.
        let share = |ticks: u64| (u128::from(ticks.min(all)) * 100 / u128::from(all)) as u64;
        let percent = |after: u64, before: u64| share(after.saturating_sub(before));
        Some(Load {
            busy_percent: percent(after.busy, before.busy),
            stolen_percent: percent(after.stolen, before.stolen),
        })
    }
}

/// `cpu3 user nice system idle iowait irq softirq steal guest guest_nice`; guests are counted in user and nice as well.
fn core_line(line: &str) -> Option<(usize, CoreTimes)> {
    let mut parts = line.strip_prefix("cpu")?.split_ascii_whitespace();
    let core = parts.next()?.parse().ok()?;
    let ticks = parts.map(str::parse).collect::<Result<Vec<u64>, _>>().ok()?;
    let &[user, nice, system, idle, ref rest @ ..] = ticks.as_slice() else { return None };
    let of = |at: usize| rest.get(at).copied().unwrap_or(0);
    let (waiting, irq, soft_irq, stolen) = (of(0), of(1), of(2), of(3));
    let sum = |parts: &[u64]| parts.iter().fold(0_u64, |sum, &part| sum.saturating_add(part));
    let busy = sum(&[user, nice, system, irq, soft_irq]);
    Some((core, CoreTimes { busy, stolen, all: sum(&[busy, idle, waiting, stolen]) }))
}

/// Threads of all processes: ticks each has run, and the core it was on last. Bounded.
#[derive(Debug, Default)]
pub(super) struct Census {
    threads: BTreeMap<(usize, usize), Citizen>,
}

#[derive(Debug)]
struct Citizen {
    name: String,
    ticks: u64,
    core: usize,
}

impl Census {
    pub(super) fn take(files: &KernelFiles) -> Self {
        let processes = files.numbered("proc", "").into_iter();
        let threads = processes.flat_map(|process| {
            files.numbered(&format!("proc/{process}/task"), "").into_iter().map(move |thread| (process, thread))
        });
        let seen = threads.take(THREADS_MAX).filter_map(|(process, thread)| {
            let text = files.text(&format!("proc/{process}/task/{thread}/stat"))?;
            Some(((process, thread), citizen(&text)?))
        });
        Self { threads: seen.collect() }
    }

    /// Who ran most on that core since an earlier census: `name, process 12, thread 13`.
    pub(super) fn busiest_since(&self, earlier: &Self, core: usize) -> Option<String> {
        let ran = |(id, citizen): (&(usize, usize), &Citizen)| {
            let ticks = citizen.ticks.saturating_sub(earlier.threads.get(id)?.ticks);
            (citizen.core == core && ticks > 0).then_some((ticks, *id))
        };
        let (_, id) = self.threads.iter().filter_map(ran).max()?;
        Some(format!("{}, process {}, thread {}", self.threads[&id].name, id.0, id.1))
    }
}

fn citizen(text: &str) -> Option<Citizen> {
    let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Fields 14, 15 and 39 of proc_pid_stat(5); the rest begins at field 3.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)?.saturating_add(number(15)?);
    Some(Citizen { name: name.into(), ticks, core: usize::try_from(number(39)?).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_shares_of_the_time_between_two_readings() {
        let before =
            CpuTimes::parse("cpu  9 9 9 9\ncpu0 100 0 0 100 0 0 0 0 0 0\ncpu1 10 10 10 70 5 1 1 3 0 0\nintr 5\n");
        let after = CpuTimes::parse("cpu0 103 0 1 106 0 0 0 0 0 0\ncpu1 10 10 10 75 5 1 1 8 0 0\ncpu2 1 2 3 4\n");
        assert_eq!(after.load_since(&before, 0), Some(Load { busy_percent: 40, stolen_percent: 0 }));
        assert_eq!(after.load_since(&before, 1), Some(Load { busy_percent: 0, stolen_percent: 50 }));
        assert_eq!(after.load_since(&before, 2), None, "it was not there before");
        assert_eq!(before.load_since(&after, 0), None, "backwards");
        assert_eq!(after.load_since(&after, 0), None, "no time between them");
    }

    #[test]
    fn odd_lines_are_left_out() {
        for odd in ["", "cpu", "cpux 1 2 3 4", "cpu0 1 2 3", "cpu0 1 2 3 x", "cpu0 -1 2 3 4", "\u{0}\u{0}"] {
            assert_eq!(CpuTimes::parse(odd), CpuTimes::default(), "{odd:?}");
        }
        let most = u64::MAX;
        let huge = CpuTimes::parse(&format!("cpu0 {most} {most} {most} {most}"));
        assert_eq!(
            huge.load_since(&CpuTimes::parse("cpu0 0 0 0 0"), 0).map(|load| load.busy_percent <= 100),
            Some(true)
        );
    }
}
