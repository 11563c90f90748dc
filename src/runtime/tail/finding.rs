//! One outlier held against what the kernel counted: was the thread running?
//!
//! A pure function of numbers, so that causes which no test can bring about, such as a hypervisor that steals a core, are tested too.

use crate::bus::{Outlier, TailCause};
use core::fmt;

/// Nanoseconds that a page takes which only has to be mapped, about: to say whether faults can explain a time.
const MINOR_FAULT_NS: u64 = 500;

/// Why a thread was not at its work, as far as the kernel's counters tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Absence {
    /// Others had its core: the scheduler let it wait.
    Preempted,
    /// Its core was gone beneath the kernel: stolen by the hypervisor, or taken by interrupts.
    Stolen,
    /// It touched memory that was not there: pages had to be mapped, or read from a disk.
    PageFault,
    /// It slept or waited by itself: a lock, a file, a system call inside the handler.
    Blocked,
    /// The kernel counted nothing: an interrupt, or a hypervisor that does not tell.
    Unknown,
}

impl Absence {
    /// All.
    pub const ALL: [Self; 5] = [Self::Preempted, Self::Stolen, Self::PageFault, Self::Blocked, Self::Unknown];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preempted => "preempted",
            Self::Stolen => "stolen",
            Self::PageFault => "page fault",
            Self::Blocked => "blocked",
            Self::Unknown => "not counted",
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An outlier with what the kernel adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The outlier. Time in which the thread was not running, though its slot could not know, is the platform's.
    pub outlier: Outlier,
    /// Why the thread was not at its work for a good part of it; `None` where it was, or where that is not the matter.
    pub absence: Option<Absence>,
}

/// What the kernel counted of a thread from before an outlier to after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Nanoseconds in which it did not run.
    pub(super) missing_ns: u64,
    /// Nanoseconds of that span that lie before and after the outlier: what is missing may be missing there.
    pub(super) around_ns: u64,
    /// Of what is missing, it wanted to run and was not let.
    pub(super) waited_ns: u64,
    /// Whether it left its core at all.
    pub(super) switched: bool,
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    /// Whether the hypervisor took time from its core.
    pub(super) stolen: bool,
}

/// The slot's word, mended by the kernel's. `counted`: `None` where the kernel could not be asked.
pub(super) fn explain(mut outlier: Outlier, counted: Option<Counted>) -> Explained {
    let Some(counted) = counted else { return Explained { outlier, absence: None } };
    let platform = outlier.parts[TailCause::Platform];
    // A wait that is not over is in no counter, but then the thread has not left its core either.
    let forced = if counted.switched { counted.waited_ns } else { counted.missing_ns };
    let mut absence = None;
    // Only what cannot have been missing elsewhere: before or after, or while it waited behind others.
    let elsewhere = counted.around_ns.saturating_add(outlier.parts[TailCause::Queue]);
    let mut forced_left = forced.saturating_sub(platform).saturating_sub(elsewhere);
    // What code took while it ran, and what it took because it did not run, looks the same to the slot.
    for cause in [TailCause::Handler, TailCause::Callback, TailCause::Neighbour] {
        let time = outlier.parts[cause];
        let taken = time.min(forced_left);
        if time > 0 && taken >= time / 2 {
            forced_left -= outlier.parts.shift(cause, TailCause::Platform, taken);
        } else if time >= outlier.total_ns() / 2 {
            absence = by_itself(time, &counted);
        }
    }
    let platform = outlier.parts[TailCause::Platform];
    if platform > 0 && platform >= outlier.total_ns() / 4 {
        absence = Some(by_force(platform, &counted));
    }
    Explained { outlier, absence }
}

/// Why code that is not to blame for it did not run.
fn by_force(time: u64, counted: &Counted) -> Absence {
    match counted {
        Counted { switched: true, waited_ns, .. } if *waited_ns >= time / 2 => Absence::Preempted,
        Counted { major_faults: 1.., .. } => Absence::PageFault,
        Counted { stolen: true, .. } => Absence::Stolen,
        Counted { switched: false, missing_ns, .. } if *missing_ns >= time / 2 => Absence::Stolen,
        Counted { minor_faults, .. } if minor_faults * MINOR_FAULT_NS >= time / 4 => Absence::PageFault,
        _ => Absence::Unknown,
    }
}

/// Why code that took long may have done so, beside working.
fn by_itself(time: u64, counted: &Counted) -> Option<Absence> {
    let slept_ns = counted.missing_ns.saturating_sub(counted.waited_ns);
    match counted {
        Counted { major_faults: 1.., .. } => Some(Absence::PageFault),
        Counted { switched: true, .. } if slept_ns >= time / 2 => Some(Absence::Blocked),
        Counted { minor_faults, .. } if minor_faults * MINOR_FAULT_NS >= time / 4 => Some(Absence::PageFault),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Parts;
    use crate::clock::Ticks;
    use crate::event::Tag;

    const MS: u64 = 1_000_000;

    fn outlier(parts: &[(TailCause, u64)]) -> Outlier {
        let mut all = Parts::default();
        parts.iter().for_each(|&(cause, ms)| all[cause] = ms * MS);
        let (published, started, ended) = (Ticks(0), Ticks(1), Ticks(2));
        Outlier { number: 0, sequence: 0, events: 1, tag: Tag::new(1), published, started, ended, parts: all }
    }

    /// Who has the time in the end, in milliseconds, and why.
    fn told(parts: &[(TailCause, u64)], counted: Counted) -> (Vec<(TailCause, u64)>, Option<Absence>) {
        let Explained { outlier, absence } = explain(outlier(parts), Some(counted));
        let some = TailCause::ALL.into_iter().filter(|&cause| outlier.parts[cause] > 0);
        (some.map(|cause| (cause, outlier.parts[cause] / MS)).collect(), absence)
    }

    const HANDLER: &[(TailCause, u64)] = &[(TailCause::Hop, 1), (TailCause::Handler, 9)];
    const PLATFORM: &[(TailCause, u64)] = &[(TailCause::Platform, 9), (TailCause::Handler, 1)];

    #[test]
    fn a_handler_that_ran_all_the_time_keeps_it() {
        assert_eq!(told(HANDLER, Counted::default()), (HANDLER.to_vec(), None));
        let elsewhere = Counted { missing_ns: 2 * MS, waited_ns: 2 * MS, switched: true, ..Counted::default() };
        assert_eq!(told(HANDLER, elsewhere), (HANDLER.to_vec(), None), "too little to be it");
    }

    #[test]
    fn a_handler_whose_thread_was_preempted_is_not_to_blame() {
        let counted = Counted { missing_ns: 8 * MS, waited_ns: 8 * MS, switched: true, ..Counted::default() };
        let platform = vec![(TailCause::Platform, 8), (TailCause::Hop, 1), (TailCause::Handler, 1)];
        assert_eq!(told(HANDLER, counted), (platform.clone(), Some(Absence::Preempted)));
        // Missing without a switch: the core was gone beneath the kernel.
        let stolen = Counted { missing_ns: 8 * MS, ..Counted::default() };
        assert_eq!(told(HANDLER, stolen), (platform, Some(Absence::Stolen)));
    }

    #[test]
    fn a_handler_that_sleeps_or_faults_is_to_blame_and_told_why() {
        let slept = Counted { missing_ns: 8 * MS, waited_ns: MS, switched: true, ..Counted::default() };
        assert_eq!(told(HANDLER, slept), (HANDLER.to_vec(), Some(Absence::Blocked)));
        let disk = Counted { major_faults: 1, ..slept };
        assert_eq!(told(HANDLER, disk), (HANDLER.to_vec(), Some(Absence::PageFault)));
        let mapped = Counted { minor_faults: 20_000, ..Counted::default() };
        assert_eq!(told(HANDLER, mapped), (HANDLER.to_vec(), Some(Absence::PageFault)));
    }

    #[test]
    fn a_gap_in_the_spinning_is_told_by_what_the_kernel_counts() {
        let counted = |counted| told(PLATFORM, counted).1;
        let none = Counted::default();
        let waited = Counted { missing_ns: 9 * MS, waited_ns: 9 * MS, switched: true, ..none };
        assert_eq!(counted(waited), Some(Absence::Preempted));
        assert_eq!(counted(Counted { missing_ns: 9 * MS, ..none }), Some(Absence::Stolen));
        assert_eq!(counted(Counted { stolen: true, ..none }), Some(Absence::Stolen));
        assert_eq!(counted(Counted { major_faults: 2, ..none }), Some(Absence::PageFault));
        assert_eq!(counted(Counted { minor_faults: 40_000, ..none }), Some(Absence::PageFault));
        assert_eq!(counted(none), Some(Absence::Unknown));
        assert_eq!(explain(outlier(PLATFORM), None).absence, None, "nobody could be asked");
    }

    #[test]
    fn what_may_have_been_missing_elsewhere_is_not_taken_from_the_handler() {
        let missing = Counted { missing_ns: 8 * MS, waited_ns: 8 * MS, switched: true, ..Counted::default() };
        let outside = Counted { around_ns: 8 * MS, ..missing };
        assert_eq!(told(HANDLER, outside), (HANDLER.to_vec(), None));
        let queued = &[(TailCause::Queue, 8), (TailCause::Handler, 9)];
        assert_eq!(told(queued, missing), (queued.to_vec(), None));
    }

    #[test]
    fn what_already_is_the_platforms_is_not_taken_twice() {
        let parts = &[(TailCause::Platform, 5), (TailCause::Handler, 4)];
        let counted = Counted { missing_ns: 5 * MS, waited_ns: 5 * MS, switched: true, ..Counted::default() };
        assert_eq!(told(parts, counted), (parts.to_vec(), Some(Absence::Preempted)));
    }
}
