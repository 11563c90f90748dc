//! Slow events and who is to blame: each cause is brought about for real, and the runtime names it.

use super::house::{Doing, Events, Gate, OpenAtLast, Trade, config, eventually, runtime, slot};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tagring::bus::{Outcome, Publisher, TailCause, allowed_cores, pin_current_thread};
use tagring::runtime::config::{Config, Cores, SlotConfig, WaitChoice};
use tagring::runtime::tail::{Absence, SlotTailReport};
use tagring::runtime::{Running, Runtime};

const MS: u64 = 1_000_000;

/// A slot that records what takes more than so many nanoseconds.
fn over(outlier_over_ns: u64) -> SlotConfig {
    SlotConfig { outlier_over_ns, ..slot() }
}

fn report(running: &Running, slot: &str) -> SlotTailReport {
    let report = running.tail();
    report.slots.into_iter().find(|known| known.slot.as_str() == slot).expect("it records slow events")
}

/// Publishes now and then until an outlier of the slot has mostly this cause, and such a reason if one is asked for.
fn publish_until(
    running: &Running,
    publisher: &mut Publisher<Events>,
    slot: &str,
    (cause, absence): (TailCause, Option<Absence>),
) -> SlotTailReport {
    let since = Instant::now();
    loop {
        let _ = publisher.try_publish(0, &Trade { qty: 1 });
        std::thread::sleep(Duration::from_millis(1));
        let report = report(running, slot);
        let found = report
            .latest
            .iter()
            .any(|one| one.outlier.cause() == cause && (absence.is_none() || one.absence == absence));
        if found && report.examined > 0 {
            assert!(report.tail.count >= report.examined);
            return report;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{cause} {absence:?} was not named: {report:#?}");
    }
}

/// Computes for so long, asleep at no time.
fn compute(time: Duration) {
    let since = Instant::now();
    while since.elapsed() < time {
        black_box(since);
    }
}

/// Threads that want a core all the time, until this is dropped.
struct Rivals {
    over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Rivals {
    fn on(core: usize, count: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let rival = |_| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                pin_current_thread(core).unwrap();
                while !over.load(Ordering::Relaxed) {
                    black_box(());
                }
            })
        };
        Self { threads: (0..count).map(rival).collect(), over }
    }
}

impl Drop for Rivals {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// A slot that spins on the last core, on the machine as it is.
fn pinned(slot: SlotConfig, act: impl FnMut(u64) -> Outcome + Send + 'static) -> (Running, Publisher<Events>, usize) {
    let core = *allowed_cores().last().unwrap();
    let mut config: Config = config(1 << 12, &[("s", SlotConfig { wait: WaitChoice::Spin, ..slot })]);
    config.threads.entry("slots".into()).or_default().cores = Cores::List(vec![core]);
    let runtime = Runtime::new(config).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let md = runtime.bus::<Events>("md").unwrap();
    md.attach("s", Doing::new(act)).unwrap();
    let publisher = md.publisher("p").unwrap();
    (runtime.start().unwrap(), publisher, core)
}

#[test]
fn a_thread_that_is_kept_off_its_core_while_it_spins_is_the_platforms() {
    let (running, mut publisher, core) = pinned(over(MS), |_| Outcome::Done);
    let _rivals = Rivals::on(core, 1);
    let wanted = (TailCause::Platform, Some(Absence::Preempted));
    let report = publish_until(&running, &mut publisher, "s", wanted);
    assert!(report.absences.iter().any(|(absence, count, _)| *absence == Absence::Preempted && *count > 0));
    assert!(report.to_string().starts_with("md.s: "), "{report}");
}

#[test]
fn a_handler_that_was_kept_off_its_core_is_not_to_blame() {
    let (running, mut publisher, core) = pinned(over(5 * MS), |_| {
        compute(Duration::from_millis(20));
        Outcome::Done
    });
    let _rivals = Rivals::on(core, 3);
    publish_until(&running, &mut publisher, "s", (TailCause::Platform, Some(Absence::Preempted)));
}

/// A runtime with one slot that does this at each event, on any core.
fn doing(slot: SlotConfig, act: impl FnMut(u64) -> Outcome + Send + 'static) -> (Running, Publisher<Events>) {
    let runtime = runtime(config(1 << 12, &[("s", slot)]));
    let md = runtime.bus::<Events>("md").unwrap();
    md.attach("s", Doing::new(act)).unwrap();
    let publisher = md.publisher("p").unwrap();
    (runtime.start().unwrap(), publisher)
}

#[test]
fn a_handler_that_sleeps_is_told_from_one_that_computes() {
    let (running, mut publisher) = doing(over(MS), |_| {
        std::thread::sleep(Duration::from_millis(20));
        Outcome::Done
    });
    let report = publish_until(&running, &mut publisher, "s", (TailCause::Handler, Some(Absence::Blocked)));
    assert_eq!(report.tags[0].name, Some("Trade"));
}

#[test]
fn a_handler_that_touches_new_memory_is_told_why_it_took_so_long() {
    const BYTES: usize = 32 << 20;
    let (running, mut publisher) = doing(over(MS), |_| {
        let (private, rights) = (MapFlags::PRIVATE, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: new pages of the kernel's choice, used by nobody else, and unmapped when all is done with them.
        unsafe {
            let memory = mmap_anonymous(std::ptr::null_mut(), BYTES, rights, private).unwrap();
            madvise(memory, BYTES, Advice::LinuxNoHugepage).unwrap();
            (0..BYTES).step_by(4096).for_each(|at| memory.cast::<u8>().add(at).write(1));
            munmap(memory, BYTES).unwrap();
        }
        Outcome::Done
    });
    publish_until(&running, &mut publisher, "s", (TailCause::Handler, Some(Absence::PageFault)));
}

#[test]
fn a_slow_neighbour_and_a_sleeping_thread_are_named() {
    let slow = SlotConfig { wait: WaitChoice::SpinThenYield, ..over(MS) };
    let runtime = runtime(config(1 << 12, &[("slow", slow.clone()), ("quick", slow)]));
    let md = runtime.bus::<Events>("md").unwrap();
    let busy = |_| {
        compute(Duration::from_millis(5));
        Outcome::Done
    };
    md.attach("slow", Doing::new(busy)).unwrap();
    md.attach("quick", Doing::new(|_| Outcome::Done)).unwrap();
    let mut publisher = md.publisher("p").unwrap();
    let running = runtime.start().unwrap();
    publish_until(&running, &mut publisher, "quick", (TailCause::Neighbour, None));

    let (running, mut publisher) =
        doing(SlotConfig { wait: WaitChoice::SpinThenPark, ..over(1_000) }, |_| Outcome::Done);
    let parks = || running.snapshot().threads[0].stats.parks;
    eventually("the thread sleeps", || parks() > 0);
    publish_until(&running, &mut publisher, "s", (TailCause::Asleep, None));
}

#[test]
fn useful_spinning_is_told_from_idle_spinning() {
    let (running, mut publisher) = doing(SlotConfig { wait: WaitChoice::Spin, ..slot() }, |_| {
        compute(Duration::from_millis(1));
        Outcome::Done
    });
    let times = || running.snapshot().threads[0].stats.times;
    eventually("it has looked for a while", || times().looking > Duration::from_millis(20));
    let idle = times();
    assert!(idle.handling() + idle.looking + idle.resting <= idle.alive + Duration::from_micros(1), "{idle:?}");
    (0..100).for_each(|_| assert!(publisher.publish(0, &Trade { qty: 1 }).is_ok()));
    let view = running.slot("md", "s").unwrap();
    eventually("all are handled", || view.stats().delivered == 100);
    let busy = times();
    // What the handler took is not counted as looking.
    let handled = busy.handling().saturating_sub(idle.handling());
    assert!(handled >= Duration::from_millis(90), "{handled:?} of handling after 100 ms of it");
}

#[test]
fn a_slow_event_is_kept_until_somebody_looks_and_series_are_fixed() {
    let gate = Gate::default();
    let _open = OpenAtLast(gate.clone());
    let held = gate.clone();
    let (running, mut publisher) = doing(over(MS), move |_| {
        held.wait();
        Outcome::Done
    });
    let names = || running.snapshot().series().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let before = names();
    publisher.publish(0, &Trade { qty: 1 }).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    gate.open();
    eventually("it is examined", || report(&running, "s").examined == 1);
    assert_eq!(names(), before);
    let outliers = running.snapshot().series().into_iter().find(|(name, _)| name == "buses.md.slots.s.outliers");
    assert_eq!(outliers.unwrap().1, 1);
}
