//! LMAX Disruptor: a program in Java that stays alive and answers a command for each round, so that its rounds are interleaved with
//! those of the others. It is another process on the same cores, and sleeps between its rounds. Its threads are pinned from here:
//! Java itself knows no way.

use crate::cores::Cores;
use core::fmt;
use core::time::Duration;
use core_affinity::CoreId;
use rustix::thread::{CpuSet, Pid, sched_setaffinity};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Instant;

/// What to install for it, by the names of Debian.
pub const PACKAGES: &str = "default-jdk-headless libdisruptor-java";
/// Names the jar of LMAX Disruptor 3.4 where it is not where Debian puts it.
pub const JAR_VARIABLE: &str = "TAGRING_LMAX_JAR";

const JAR: &str = "/usr/share/java/disruptor.jar";
const PROGRAM: &str = include_str!("../../java/Lmax.java");
/// A fixed heap, touched in advance, and a collector without threads of its own.
const OPTIONS: [&str; 4] = ["-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"];
/// A round takes milliseconds, starting some seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Four that publish and one that reads.
const THREADS: usize = 5;

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Something is not installed.
    NotInstalled {
        /// What.
        what: String,
    },
    /// It is, but does not work.
    Failed {
        /// What the program or the system said.
        why: String,
    },
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled { what } => write!(f, "no {what}; apt-get install {PACKAGES}"),
            Self::Failed { why } => write!(f, "it failed: {why}"),
        }
    }
}

impl std::error::Error for Absent {}

fn failed(why: impl fmt::Display) -> Absent {
    Absent::Failed { why: why.to_string() }
}

/// The program, running.
#[derive(Debug)]
pub struct Lmax {
    child: Child,
    /// `None` once it is asked to end.
    commands: Option<ChildStdin>,
    answers: mpsc::Receiver<String>,
}

impl Lmax {
    /// Starts the program, waits until it is ready, and pins its threads.
    ///
    /// # Errors
    /// [`Absent`].
    pub fn start(cores: Cores) -> Result<Self, Absent> {
        let jar = jar()?;
        let source = Source::write().map_err(failed)?;
        let mut command = Command::new("java");
        command.args(OPTIONS).arg("-cp").arg(jar).args(["--source", "11"]).arg(&source.0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn_unpinned(command, cores)?;
        let commands = child.stdin.take();
        let answers = lines_of(child.stdout.take());
        let mut lmax = Self { child, commands, answers };
        lmax.answer("ready")?;
        lmax.pin(cores)?;
        Ok(lmax)
    }

    /// One round of round trips: nanoseconds of each.
    ///
    /// # Errors
    /// [`Absent`].
    pub fn trips(&mut self, warm_up: usize, count: usize) -> Result<Vec<u64>, Absent> {
        let ticks = self.ask(&format!("trip {warm_up} {count}"), "ticks")?;
        let ticks = ticks.as_array().into_iter().flatten().map(|tick| tick.as_u64().unwrap_or(u64::MAX)).collect();
        Ok(ticks)
    }

    /// One round of one publisher to one reader: events a second.
    ///
    /// # Errors
    /// [`Absent`].
    pub fn one_to_one(&mut self, words: usize, batch: usize, count: usize) -> Result<f64, Absent> {
        self.throughput(&format!("stream {words} {batch} {count}"))
    }

    /// One round of up to four publishers on one core to one reader: events a second.
    ///
    /// # Errors
    /// [`Absent`].
    pub fn many_to_one(&mut self, publishers: usize, words: usize, batch: usize, count: usize) -> Result<f64, Absent> {
        self.throughput(&format!("many {publishers} {words} {batch} {count}"))
    }

    fn throughput(&mut self, command: &str) -> Result<f64, Absent> {
        let per_second = self.ask(command, "per_second")?;
        per_second.as_f64().ok_or_else(|| failed(format_args!("{command}: {per_second} is no rate")))
    }

    fn ask(&mut self, command: &str, field: &str) -> Result<serde_json::Value, Absent> {
        let commands = self.commands.as_mut().ok_or_else(|| failed("it has ended"))?;
        if writeln!(commands, "{command}").and_then(|()| commands.flush()).is_err() {
            return Err(self.dead(command));
        }
        self.answer(field)
    }

    /// The field of the next line that it prints.
    fn answer(&mut self, field: &str) -> Result<serde_json::Value, Absent> {
        let Ok(line) = self.answers.recv_timeout(PATIENCE) else { return Err(self.dead(field)) };
        let mut answer: serde_json::Value =
            serde_json::from_str(&line).map_err(|error| failed(format_args!("it printed {line:?}: {error}")))?;
        Ok(answer[field].take())
    }

    /// Ends it, and tells what it said last.
    #[cold]
    fn dead(&mut self, asked: &str) -> Absent {
        self.commands = None;
        let _ = self.child.kill();
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        failed(format_args!("asked for {asked}, it said {first:?}"))
    }

    /// Publishers to the near core, the reader to the far one. A thread takes its name a moment after it is there.
    fn pin(&self, cores: Cores) -> Result<(), Absent> {
        let since = Instant::now();
        loop {
            let pinned = self.pin_those_with_names(cores)?;
            if pinned == THREADS {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                return Err(failed(format_args!("{pinned} threads to pin instead of {THREADS}")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn pin_those_with_names(&self, cores: Cores) -> Result<usize, Absent> {
        let mut pinned = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).map_err(failed)?.flatten() {
            let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            let core = match name.trim() {
                "far" => cores.far,
                near if near.starts_with("near-") => cores.near,
                _ => continue,
            };
            let id = task.file_name().to_str().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
            sched_setaffinity(id, &set_of(&[core])).map_err(failed)?;
            pinned += 1;
        }
        Ok(pinned)
    }
}

impl Drop for Lmax {
    /// It ends when there are no more commands.
    fn drop(&mut self) {
        if self.commands.take().is_none() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn jar() -> Result<PathBuf, Absent> {
    let jar = std::env::var_os(JAR_VARIABLE).map_or_else(|| PathBuf::from(JAR), PathBuf::from);
    let what = format!("{} (or what {JAR_VARIABLE} names)", jar.display());
    if jar.is_file() { Ok(jar) } else { Err(Absent::NotInstalled { what }) }
}

/// A child inherits the cores of the thread that starts it, and the caller is pinned to one.
fn spawn_unpinned(mut command: Command, cores: Cores) -> Result<Child, Absent> {
    let start = move || {
        sched_setaffinity(None, &set_of(cores.all)).map_err(failed)?;
        command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Absent::NotInstalled { what: "java".into() },
            _ => failed(error),
        })
    };
    std::thread::spawn(start).join().unwrap_or_else(|_| Err(failed("the thread that starts it panicked")))
}

fn set_of(cores: &[CoreId]) -> CpuSet {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(core.id));
    set
}

/// Reads on a thread of its own, so that waiting can be given up. The thread ends with the child.
fn lines_of(output: Option<impl std::io::Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (lines, answers) = mpsc::channel();
    std::thread::spawn(move || {
        let read = output.into_iter().flat_map(|output| BufReader::new(output).lines().map_while(Result::ok));
        read.map(|line| lines.send(line)).take_while(Result::is_ok).for_each(drop);
    });
    answers
}

/// The program's source in a file, which Java compiles as it starts; removed when it runs.
struct Source(PathBuf);

impl Source {
    fn write() -> std::io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tagring-lmax-{}-{}.java", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, PROGRAM)?;
        Ok(Self(path))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let Self(path): &Self = self;
        let _ = std::fs::remove_file(path as &Path);
    }
}
