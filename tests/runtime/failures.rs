//! The failure matrix: what becomes of a slot and of all around it, by policy and by the moment at which its handler fails. Each row is run; the
//! table in the guide is made of what happened, and this test says where the two differ.

use super::house::{Count, Events, Gate, OpenAtLast, SOON, Trade, config, eventually, runtime, slot};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tagring::bus::{Context, Handler, InitError, Outcome, SlotState};
use tagring::event::Event;
use tagring::runtime::config::{PanicChoice, SlotConfig, StuckChoice};
use tagring::runtime::{Deadline, Running};

/// When a handler fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Init,
    Start,
    Event,
    EveryEvent,
    BatchEnd,
    Idle,
    Restart,
    Stop,
    Failed,
    Drop,
    Refuses,
    SticksReport,
    SticksQuarantine,
    SticksAbort,
}

use Moment::{
    BatchEnd, Drop as Dropped, Event as AtEvent, EveryEvent, Failed, Idle, Init, Refuses, Restart, Start, SticksAbort,
    SticksQuarantine, SticksReport, Stop,
};

impl Moment {
    fn words(self) -> &'static str {
        match self {
            Init => "panics in `on_init`",
            Start => "panics in `on_start`",
            AtEvent => "panics over one event",
            EveryEvent => "panics over every event",
            BatchEnd => "panics once in `on_batch_end`",
            Idle => "panics once in `on_idle`",
            Restart => "panics over one event, then in `on_restart`",
            Stop => "panics in `on_stop`",
            Failed => "panics over one event, then in `on_failed`",
            Dropped => "panics when it is dropped",
            Refuses => "refuses one event (`Outcome::Dead`)",
            SticksReport => "does not return from one event; `stuck = \"report\"`",
            SticksQuarantine => "does not return from one event; `stuck = \"quarantine\"`",
            SticksAbort => "does not return from one event; `stuck = \"abort\"`",
        }
    }

    fn stuck(self) -> StuckChoice {
        match self {
            SticksQuarantine => StuckChoice::Quarantine,
            SticksAbort => StuckChoice::Abort,
            _ => StuckChoice::Report,
        }
    }

    fn sticks(self) -> bool {
        matches!(self, SticksReport | SticksQuarantine | SticksAbort)
    }
}

/// Events of a run: several times round the ring.
const EVENTS: u64 = 1_000;
const CELLS: u64 = 64;
/// The event at which it fails.
const AT: u64 = 500;

/// Fails at its moment.
struct Failing {
    moment: Moment,
    done: bool,
    gate: Gate,
    /// `on_idle` fails once events have come.
    seen: u64,
}

impl Failing {
    fn once(&mut self, moment: Moment) {
        if self.moment == moment && !std::mem::replace(&mut self.done, true) {
            panic!("as scripted");
        }
    }
}

impl Handler for Failing {
    fn on_init(&mut self) -> Result<(), InitError> {
        self.once(Init);
        Ok(())
    }
    fn on_start(&mut self, _: &mut Context) {
        self.once(Start);
    }
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let qty = event.get::<Trade>().map_or(0, |trade| trade.qty);
        self.seen += 1;
        match self.moment {
            EveryEvent => panic!("as scripted"),
            AtEvent | Restart | Failed if qty == AT => panic!("as scripted"),
            Refuses if qty == AT => return Outcome::Dead,
            moment if moment.sticks() && qty == AT => self.gate.wait(),
            _ => {}
        }
        Outcome::Done
    }
    fn on_batch_end(&mut self, _: &mut Context) {
        self.once(BatchEnd);
    }
    fn on_idle(&mut self, _: &mut Context) {
        if self.seen == EVENTS {
            self.once(Idle);
        }
    }
    fn on_restart(&mut self, _: &mut Context) {
        self.once(Restart);
    }
    fn on_stop(&mut self, _: &mut Context) {
        self.once(Stop);
    }
    fn on_failed(&mut self, _: &mut Context) {
        self.once(Failed);
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.once(Dropped);
        }
    }
}

/// What became of it all.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    slot: String,
    handled: String,
    same_thread: String,
    other_thread: String,
    downstream: String,
    publisher: String,
    shutdown: String,
}

fn all_or(seen: u64, published: u64) -> String {
    match seen {
        EVENTS => "all".into(),
        seen if seen == published => "all that is published".into(),
        seen if seen <= AT => "up to there".into(),
        seen => format!("{seen} of {published}"),
    }
}

fn policy_name(policy: PanicChoice) -> &'static str {
    match policy {
        PanicChoice::Skip => "skip",
        PanicChoice::Restart => "restart",
        PanicChoice::Quarantine => "quarantine",
        PanicChoice::Abort => "abort",
    }
}

/// Runs one case to its end.
fn run(policy: PanicChoice, moment: Moment) -> Row {
    let failing = SlotConfig {
        panic: policy,
        restarts_max: 3,
        restart_pause_ms: 1,
        restart_pause_max_ms: 2,
        stuck: moment.stuck(),
        stuck_after_ms: if moment.sticks() { 30 } else { 0 },
        thread: "shared".into(),
        // What is in front of the failing event has been handed back by then.
        turn_limit_events: 1,
        ..slot()
    };
    let same = SlotConfig { thread: "shared".into(), stuck: moment.stuck(), stuck_after_ms: 30, ..slot() };
    let other = SlotConfig { thread: "other".into(), ..slot() };
    let downstream = SlotConfig { after: vec!["failing".into()], thread: "third".into(), ..slot() };
    let slots = [("failing", failing), ("same", same), ("other", other), ("downstream", downstream)];
    let runtime = runtime(config(CELLS, &slots));
    let md = runtime.bus::<Events>("md").unwrap();
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let failing = md.attach("failing", Failing { moment, done: false, gate: gate.clone(), seen: 0 }).unwrap();
    let counts: Vec<_> = ["same", "other", "downstream"].map(|name| md.attach(name, Count::default()).unwrap()).into();
    let mut publisher = md.publisher("p").unwrap();
    let running = match runtime.start() {
        Ok(running) => running,
        Err(failure) => {
            assert!(failure.to_string().contains("as scripted"), "{failure}");
            let nothing = || "-".to_owned();
            return Row {
                slot: "the start is refused, and says why".into(),
                handled: nothing(),
                same_thread: nothing(),
                other_thread: nothing(),
                downstream: nothing(),
                publisher: nothing(),
                shutdown: "all that had started is stopped".into(),
            };
        }
    };
    let mut published = 0;
    let mut held_by = None;
    for qty in 0..EVENTS {
        // A stuck handler that is only reported holds the ring, for as long as it sticks.
        let limit = if moment == SticksReport && gate.arrivals() > 0 { Duration::from_millis(50) } else { SOON };
        match publisher.publish_timeout(0, &Trade { qty }, limit) {
            Ok(_) => published += 1,
            Err(full) => {
                held_by = full.slot;
                break;
            }
        }
    }
    settle(&running, moment, published);
    let seen: Vec<_> = counts.iter().map(|count| count.handle().unwrap().stats()).collect();
    let stats = failing.handle().unwrap().stats();
    drop(failing);
    drop(publisher);
    let report = running.shutdown(Deadline::after(if moment.sticks() { Duration::from_millis(200) } else { SOON }));
    let ended = report.bus("md").unwrap().slots.iter().find(|slot| slot.slot.as_str() == "failing").unwrap();
    Row {
        slot: match ended.state {
            SlotState::Stopped if stats.restarts > 0 => "restarts, goes on".into(),
            SlotState::Stopped if report.threads_left.is_empty() => "goes on".into(),
            SlotState::Stopped | SlotState::Running => "stuck, and told".into(),
            SlotState::Failed => format!("restarts {} times, then fails", stats.restarts),
            state => format!("{state}"),
        },
        handled: match (stats.delivered, stats.dead) {
            (EVENTS, 0) => "all".into(),
            (delivered, 1) if delivered + 1 == EVENTS => "all but that one, a dead letter".into(),
            (AT, 1) => "those before; that one is a dead letter".into(),
            (AT, 0) => "those before".into(),
            (0, EVENTS) => "none; all are dead letters".into(),
            (0, dead) => format!("none; {dead} dead letter{}", if dead == 1 { "" } else { "s" }),
            (_, 0) => "those before".into(),
            (delivered, dead) => format!("{delivered}, {dead} dead letters"),
        },
        same_thread: match (moment, seen[0].state) {
            (SticksReport, _) => "waits: its thread is held".into(),
            (SticksQuarantine, SlotState::Quarantined) => "quarantined too: its thread is held".into(),
            _ => all_or(seen[0].delivered, published),
        },
        other_thread: all_or(seen[1].delivered, published),
        downstream: match (moment, seen[2].delivered) {
            (SticksReport, _) => "waits for it".into(),
            (_, delivered) => all_or(delivered, published),
        },
        publisher: match held_by {
            Some(slot) => format!("full, and told that `{slot}` is the one"),
            None => "never held".into(),
        },
        shutdown: match report.threads_left.is_empty() {
            true => "in time".into(),
            false => "in time; the thread is named and left".into(),
        },
    }
}

/// Waits until every slot that can has handled what was published.
fn settle(running: &Running, moment: Moment, published: u64) {
    let published = if published == EVENTS { running.snapshot().bus("md").unwrap().published } else { published };
    eventually("all is handled that can be", || {
        let snapshot = running.snapshot();
        let done = |name: &str| {
            let slot = snapshot.slot("md", name).unwrap();
            slot.stats.state.is_final() || slot.stats.position >= published
        };
        let beside = moment == SticksReport || (done("downstream") && done("failing") && done("same"));
        done("other") && beside
    });
    if moment == Idle {
        eventually("it has been idle", || running.snapshot().slot("md", "failing").unwrap().stats.panics > 0);
    }
}

const CASES: [(PanicChoice, Moment); 24] = [
    (PanicChoice::Skip, Init),
    (PanicChoice::Skip, Start),
    (PanicChoice::Skip, AtEvent),
    (PanicChoice::Skip, EveryEvent),
    (PanicChoice::Skip, BatchEnd),
    (PanicChoice::Skip, Idle),
    (PanicChoice::Restart, AtEvent),
    (PanicChoice::Restart, EveryEvent),
    (PanicChoice::Restart, BatchEnd),
    (PanicChoice::Restart, Idle),
    (PanicChoice::Restart, Restart),
    (PanicChoice::Quarantine, AtEvent),
    (PanicChoice::Quarantine, EveryEvent),
    (PanicChoice::Quarantine, BatchEnd),
    (PanicChoice::Quarantine, Idle),
    (PanicChoice::Quarantine, Failed),
    (PanicChoice::Quarantine, Stop),
    (PanicChoice::Quarantine, Dropped),
    (PanicChoice::Quarantine, Refuses),
    (PanicChoice::Quarantine, SticksReport),
    (PanicChoice::Quarantine, SticksQuarantine),
    (PanicChoice::Abort, AtEvent),
    (PanicChoice::Abort, Refuses),
    (PanicChoice::Quarantine, SticksAbort),
];

/// Set in the child that is to run one case, by its number.
const CASE: &str = "TAGRING_FAILURE_CASE";

fn ends_the_process(policy: PanicChoice, moment: Moment) -> bool {
    (policy == PanicChoice::Abort && moment != Refuses) || moment == SticksAbort
}

/// The row of a case that ends its process: run in a child.
fn aborted(at: usize) -> Row {
    use std::os::unix::process::ExitStatusExt;
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "failures::one_case_in_a_child", "--nocapture", "--test-threads=1"])
        .env(CASE, at.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert_eq!(child.status.signal(), Some(6), "{said}");
    assert!(said.contains("policy is abort") && said.contains("failing"), "it says why: {said}");
    let gone = || "gone".to_owned();
    Row {
        slot: "the process aborts, and says why".into(),
        handled: gone(),
        same_thread: gone(),
        other_thread: gone(),
        downstream: gone(),
        publisher: gone(),
        shutdown: gone(),
    }
}

#[test]
fn one_case_in_a_child() {
    if let Some(at) = std::env::var(CASE).ok().and_then(|at| at.parse::<usize>().ok()) {
        let (policy, moment) = CASES[at];
        let row = run(policy, moment);
        panic!("the process was to end: {row:?}");
    }
}

/// Where the table stands.
fn page() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/failure-matrix.md")
}

const HEAD: &str = "# The failure matrix

What becomes of a slot, and of all around it, when its handler fails. Every row was run: 1,000 events through a ring of 64 cells; the failing slot at event 500, one
neighbour on its thread (with the same `stuck`), one on another thread, one that runs after it. `tests/runtime/failures.rs` makes this table, and fails where it is not what happens
(`TAGRING_BLESS=1 cargo test --test runtime matrix` writes it anew).

| the handler | policy | the slot | events it handled | neighbour on its thread | on another thread | runs after it | publisher | shutdown |
|---|---|---|---|---|---|---|---|---|
";

/// Keeps scripted panics, of which there are thousands here, off the screen.
fn hush_scripted_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"as scripted") {
            others(panic);
        }
    }));
}

#[test]
fn issue_4542_4609_the_failure_matrix_is_what_happens() {
    hush_scripted_panics();
    let mut table = HEAD.to_owned();
    for (at, (policy, moment)) in CASES.into_iter().enumerate() {
        let row = if ends_the_process(policy, moment) { aborted(at) } else { run(policy, moment) };
        let Row { slot, handled, same_thread, other_thread, downstream, publisher, shutdown } = row;
        let policy = if moment.sticks() { "any" } else { policy_name(policy) };
        let cells =
            [moment.words(), policy, &slot, &handled, &same_thread, &other_thread, &downstream, &publisher, &shutdown];
        writeln!(table, "| {} |", cells.join(" | ")).unwrap();
    }
    if std::env::var_os("TAGRING_BLESS").is_some() {
        std::fs::write(page(), &table).unwrap();
    }
    let committed = std::fs::read_to_string(page()).unwrap_or_default();
    for (happened, stands) in table.lines().zip(committed.lines()) {
        assert_eq!(happened, stands);
    }
    assert_eq!(table.lines().count(), committed.lines().count());
}
