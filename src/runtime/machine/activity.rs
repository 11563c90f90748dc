//! What a thread does with its time: it runs, it sleeps, or it waits for a core. Read from outside, by a watchdog that has to say why a
//! handler makes no progress, and by whoever wants to know whether two threads share a core.
//!
//! The kernel writes waiting down only once it is over, and running only at ticks. So the time run is read from the thread's own clock,
//! which is exact, and a thread that is runnable and was not let run between two readings has waited all the while.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::time::Instant;

/// Both files are far shorter: `stat` has 52 numbers and a name of at most 64 bytes.
const BYTES_MAX: usize = 1536;

/// Reads the times of one thread of this process. A reading costs two files and one system call, and allocates nothing.
///
/// ```
/// use tagring::runtime::machine::ThreadClock;
///
/// let mut clock = ThreadClock::of_this_thread();
/// let before = clock.read()?;
/// let after = clock.read()?;
/// println!("{:?}, {:?}", after.since(&before).activity(), after.core);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ThreadClock {
    thread: u32,
    buffer: [u8; BYTES_MAX],
}

/// The times of a thread up to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadTimes {
    /// The moment.
    pub at: Instant,
    /// Nanoseconds it ran.
    pub run_ns: u64,
    /// Nanoseconds it waited for a core, ended waits alone; 0 where the kernel does not count them.
    pub wait_ns: u64,
    /// How often it was put on a core.
    pub turns: u64,
    /// Pages it touched that had to be mapped first.
    pub minor_faults: u64,
    /// Pages that had to be read from a disk.
    pub major_faults: u64,
    /// Whether it wants to run.
    pub runnable: bool,
    /// The core it is on, or was on last.
    pub core: Option<usize>,
}

impl ThreadClock {
    /// For a thread of this process, by the kernel's id.
    #[must_use]
    pub const fn of(thread: u32) -> Self {
        Self { thread, buffer: [0; BYTES_MAX] }
    }

    /// For the calling thread.
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self::of(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned())
    }

    /// The kernel's id of the thread.
    #[must_use]
    pub const fn thread(&self) -> u32 {
        self.thread
    }

    /// The times now.
    ///
    /// # Errors
    /// The thread has ended, or `/proc` is not there.
    pub fn read(&mut self) -> io::Result<ThreadTimes> {
        let Stat { runnable, core, minor_faults, major_faults } =
            parse_stat(self.file("stat")?).ok_or(io::ErrorKind::InvalidData)?;
        // Kernels without scheduler statistics have zeroes there, or no file.
        let (counted_ns, wait_ns, turns) = self.file("schedstat").ok().and_then(parse_schedstat).unwrap_or_default();
        let run_ns = self.run_ns().unwrap_or(counted_ns);
        let at = Instant::now();
        Ok(ThreadTimes { at, run_ns, wait_ns, turns, minor_faults, major_faults, runnable, core })
    }

    fn file(&mut self, name: &str) -> io::Result<&str> {
        const PATH_MAX: usize = 48;
        let mut path = [0; PATH_MAX];
        let mut rest = &mut path[..];
        write!(rest, "/proc/self/task/{}/{name}", self.thread)?;
        let length = PATH_MAX - rest.len();
        let path = std::str::from_utf8(&path[..length]).map_err(|_| io::ErrorKind::InvalidInput)?;
        let length = File::open(path)?.read(&mut self.buffer)?;
        // A thread may have any bytes for a name, but what is read of it is behind its last parenthesis.
        let start = self.buffer[..length].iter().rposition(|&byte| byte == b')').map_or(0, |at| at + 1);
        std::str::from_utf8(&self.buffer[start..length]).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Nanoseconds the thread has run, by its own clock: one system call. `None` where it has ended. Its id is made as `MAKE_THREAD_CPUCLOCK` of the kernel's `posix-timers.h` does it; any thread of a process may
    /// read that of another.
    #[must_use]
    pub fn run_ns(&self) -> Option<u64> {
        const PER_THREAD_SCHED: libc::clockid_t = 4 | 2;
        let id = (!self.thread.cast_signed()) << 3 | PER_THREAD_SCHED;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel writes one `timespec`, or refuses the id.
        let result = unsafe { libc::clock_gettime(id, &raw mut time) };
        (result == 0).then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }
}

/// What is read from `stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    runnable: bool,
    minor_faults: u64,
    major_faults: u64,
    core: Option<usize>,
}

/// Fields 3 (state), 10 and 12 (faults), and 39 (core) of `stat`, whose text begins behind field 2.
fn parse_stat(text: &str) -> Option<Stat> {
    let mut fields = text.split_ascii_whitespace();
    let runnable = fields.next()? == "R";
    let minor_faults = fields.nth(6).and_then(|count| count.parse().ok()).unwrap_or_default();
    let major_faults = fields.nth(1).and_then(|count| count.parse().ok()).unwrap_or_default();
    Some(Stat { runnable, minor_faults, major_faults, core: fields.nth(26).and_then(|core| core.parse().ok()) })
}

/// Nanoseconds run, nanoseconds waited, turns on a core.
fn parse_schedstat(text: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

impl ThreadTimes {
    /// What the thread did between an earlier reading and this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> ThreadSpan {
        let elapsed_ns = u64::try_from(self.at.saturating_duration_since(earlier.at).as_nanos()).unwrap_or(u64::MAX);
        let run_ns = self.run_ns.saturating_sub(earlier.run_ns).min(elapsed_ns);
        let mut wait_ns = self.wait_ns.saturating_sub(earlier.wait_ns).min(elapsed_ns - run_ns);
        // Not put on a core since, yet runnable then and now: the rest is a wait that is not over.
        if self.turns == earlier.turns && self.runnable && earlier.runnable {
            wait_ns = elapsed_ns - run_ns;
        }
        ThreadSpan { elapsed_ns, run_ns, wait_ns }
    }
}

/// What a thread did between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadSpan {
    /// Nanoseconds between them.
    pub elapsed_ns: u64,
    /// Nanoseconds it ran.
    pub run_ns: u64,
    /// Nanoseconds it waited for a core.
    pub wait_ns: u64,
}

/// What a thread did for the most part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It ran: a handler that computes, or spins.
    Running,
    /// It neither ran nor waited for a core: it sleeps, or waits for a lock, a file, a page.
    Blocked,
    /// It wanted to run and was not let: others have its core.
    Starved,
}

impl Activity {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Starved => "waiting for a core",
        }
    }
}

impl ThreadSpan {
    /// Nanoseconds it neither ran nor wanted to.
    #[must_use]
    pub const fn slept_ns(&self) -> u64 {
        self.elapsed_ns.saturating_sub(self.run_ns).saturating_sub(self.wait_ns)
    }

    /// What it did for the most part; running, if that is as much as anything else.
    #[must_use]
    pub fn activity(&self) -> Activity {
        let most = self.run_ns.max(self.wait_ns).max(self.slept_ns());
        match most {
            most if most == self.run_ns => Activity::Running,
            most if most == self.wait_ns => Activity::Starved,
            _ => Activity::Blocked,
        }
    }

    /// Whether somebody else has its core for a good part: it waited for over a fifth of the time it wanted to run, and for more than a
    /// millisecond. Two threads that spin on one core wait for half of it; the kernel's own work takes a few per cent.
    #[must_use]
    pub fn shares_core(&self) -> bool {
        const LEAST: Duration = Duration::from_millis(1);
        let wanted_ns = self.run_ns.saturating_add(self.wait_ns);
        u128::from(self.wait_ns) > LEAST.as_nanos() && self.wait_ns > wanted_ns / 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn span(run: u64, wait: u64, turns: u64, runnable: (bool, bool)) -> ThreadSpan {
        let at = Instant::now();
        let before = ThreadTimes {
            at,
            run_ns: 7 * MS,
            wait_ns: 3 * MS,
            turns: 5,
            minor_faults: 0,
            major_faults: 0,
            runnable: runnable.0,
            core: Some(0),
        };
        let after = ThreadTimes {
            at: at + Duration::from_millis(100),
            run_ns: before.run_ns + run * MS,
            wait_ns: before.wait_ns + wait * MS,
            turns: before.turns + turns,
            runnable: runnable.1,
            ..before
        };
        after.since(&before)
    }

    #[test]
    fn a_thread_runs_sleeps_or_is_not_let_run() {
        assert_eq!(span(99, 1, 3, (true, true)).activity(), Activity::Running);
        assert_eq!(span(0, 0, 0, (false, false)).activity(), Activity::Blocked);
        assert_eq!(span(4, 1, 50, (false, true)).activity(), Activity::Blocked, "it polls and sleeps");
        assert_eq!(span(30, 10, 9, (true, true)).activity(), Activity::Blocked, "it slept in between");
        assert_eq!(span(30, 70, 9, (true, true)).activity(), Activity::Starved);
        assert_eq!(span(0, 0, 0, (true, true)).activity(), Activity::Starved, "a wait that is not over is in no file");
        assert_eq!(span(0, 0, 0, (false, true)).activity(), Activity::Blocked, "it has just woken");
        assert_eq!(span(100, 0, 0, (true, true)).activity(), Activity::Running, "alone on its core, no turn ends");
        assert_eq!(span(200, 50, 1, (true, true)), ThreadSpan { elapsed_ns: 100 * MS, run_ns: 100 * MS, wait_ns: 0 });
    }

    #[test]
    fn a_shared_core_is_seen_by_the_waiting_for_it() {
        assert!(span(50, 50, 20, (true, true)).shares_core());
        assert!(span(10, 10, 20, (false, false)).shares_core(), "also one that sleeps for the most part");
        assert!(!span(97, 3, 20, (true, true)).shares_core(), "the kernel's own work");
        assert!(!span(0, 1, 1, (false, false)).shares_core(), "one wake-up");
        assert!(span(0, 0, 0, (true, true)).shares_core());
    }

    #[test]
    fn files_of_threads_are_read_and_odd_ones_refused() {
        let stat =
            " R 1 1 1 0 -1 4194304 100 0 7 0 0 0 0 0 20 0 1 0 452727 3133440 395 1 2 3 4 5 6 0 0 0 0 0 0 0 17 11 0 0";
        let read = Stat { runnable: true, minor_faults: 100, major_faults: 7, core: Some(11) };
        assert_eq!(parse_stat(stat), Some(read));
        let short = Stat { runnable: false, minor_faults: 0, major_faults: 0, core: None };
        assert_eq!(parse_stat(" S 1 1"), Some(short));
        assert_eq!(parse_stat(""), None);
        assert_eq!(parse_schedstat("123 45 6\n"), Some((123, 45, 6)));
        assert_eq!(parse_schedstat("123 45"), None);
        assert_eq!(parse_schedstat("a b c"), None);
    }
}
