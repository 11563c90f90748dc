//! One thing about this machine, or about who runs where, that costs latency or that one should know.

use core::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; nothing to refuse a start for.
    Info,
    /// Latency suffers, or something that was asked for will not be had.
    Warning,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident $code:literal $what:literal)*) => {
        /// What a finding is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FindingKind { $($(#[doc = $doc])+ $kind,)* }

        impl FindingKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }

            /// In words.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self { $(Self::$kind => $what,)* }
            }
        }
    };
}

kinds! {
    /// Threads share a core that one of them keeps busy.
    SharedCore "TR-0760" "core shared by our own threads"
    /// A thread that parks has no core on which nobody is busy.
    NoCoreLeft "TR-0761" "no quiet core left"
    /// The clock is not the fast one.
    Clock "TR-0762" "clock slow to read"
    /// The processor may slow a core down while it is idle.
    Governor "TR-0763" "cores may be clocked down"
    /// A core may sleep so deep that waking it takes long.
    DeepSleep "TR-0764" "cores may sleep deep"
    /// A core's pace depends on what others do.
    Boost "TR-0765" "pace varies with load"
    /// The other hyper-thread of a busy core is in use.
    SiblingInUse "TR-0766" "hyper-threads of one core both in use"
    /// The kernel may put other threads on a busy core.
    NotIsolated "TR-0767" "cores not isolated"
    /// Huge pages come unasked.
    HugePagesAlways "TR-0768" "huge pages for everybody"
    /// Memory may be swapped out.
    Swap "TR-0769" "memory may be swapped out"
    /// The limit on locked memory is below what will be locked.
    LockLimit "TR-0770" "limit on locked memory too low"
    /// The limit on real-time priorities is below what is asked for.
    PriorityLimit "TR-0771" "limit on real-time priority too low"
    /// Real-time threads are stopped for a part of each period.
    Throttling "TR-0772" "real-time threads are throttled"
    /// The group of the process may use less than the busy threads take.
    Quota "TR-0773" "processor time is rationed"
    /// A virtual machine.
    Virtualised "TR-0774" "virtual machine"
    /// Somebody else is busy on a core that a thread of ours will keep busy.
    BusyCore "TR-0775" "core busy before we start"
    /// The hypervisor gives a part of a core's time to others.
    Stolen "TR-0776" "core's time taken by the hypervisor"
}

/// A finding: what, where, what it is, what it should be, what to do. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// Where: cores, a file, the process.
    pub place: String,
    /// What was found.
    pub value: String,
    /// What would be better.
    pub wanted: String,
    /// How to get there.
    pub remedy: String,
    /// How bad it is.
    pub severity: Severity,
}

impl Finding {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
        };
        let Self { place, value, wanted, remedy, .. } = self;
        write!(f, "{severity}: {}: {place}: {value}; wanted: {wanted}; {remedy} [{}]", self.kind.what(), self.code())
    }
}
