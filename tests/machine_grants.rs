//! What is asked of the operating system, checked against what the kernel says; whether or not the privilege is there. What changes the whole
//! process is done in a child: this program again, with the test's name in the environment. And threads watched from outside.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use tagring::bus::{SlotThread, allowed_cores, pin_current_thread};
use tagring::runtime::config::Grant;
use tagring::runtime::machine::{
    Activity, GrantKind, Granted, MemoryRange, ThreadClock, ThreadSpan, huge_pages, lock_memory, ordinary_scheduling,
    prefault, prefault_stack, realtime, unlock_memory,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics, the thread-local
// being constant-initialised and without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const CHILD: &str = "TAGRING_MACHINE_CHILD";
const SOON: Duration = Duration::from_secs(60);

/// Gives the rest of a command line the privileges of an ordinary user, where the system has the means.
const DROP: &str = "setpriv --bounding-set=-sys_nice,-ipc_lock";

/// Runs `test` again in a child, where this returns true. `limits` is run before, in a shell; with it the child has no privilege either.
fn in_child(test: &str, limits: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let run = format!("exec \"$0\" --exact {test} --nocapture --test-threads=1");
    let drop = format!("if {DROP} true 2>/dev/null; then {};  fi;", run.replacen("exec", &format!("exec {DROP}"), 1));
    let script = if limits.is_empty() { run } else { format!("{limits} {drop} {run}") };
    let output = Command::new("sh").arg("-c").arg(script).arg(program).env(CHILD, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    println!("{text}");
    false
}

fn may(capability: u32) -> bool {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let set = text.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    u64::from_str_radix(set, 16).unwrap() >> capability & 1 == 1
}

const IPC_LOCK: u32 = 14;
const SYS_NICE: u32 = 23;

fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

/// Policy and priority of the calling thread: fields 41 and 40 of its `stat`.
fn scheduling() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[41 - 3].parse().unwrap(), fields[40 - 3].parse().unwrap())
}

#[test]
fn what_is_off_is_not_tried() {
    let memory = [0_u8; 16];
    let off = [
        realtime(10, Grant::Off),
        lock_memory(Grant::Off),
        prefault_stack(64, Grant::Off),
        prefault(MemoryRange::of(&memory), Grant::Off),
        huge_pages(MemoryRange::of(&memory), Grant::Off),
    ];
    for granted in off {
        assert!(!granted.granted && !granted.is_missing(), "{granted}");
        assert!(granted.to_string().ends_with(": not asked for"), "{granted}");
        assert!(granted.required().is_ok());
    }
    assert_eq!(scheduling(), (0, 0));
}

#[test]
fn a_grant_that_is_required_and_missing_is_an_error() {
    let refused = |asked| Granted { what: GrantKind::HugePages, asked, granted: false, detail: "too small".into() };
    assert!(refused(Grant::Try).is_missing() && refused(Grant::Try).required().is_ok());
    let error = refused(Grant::Require).required().unwrap_err();
    assert_eq!(error.code(), "TR-0784");
    assert_eq!(error.to_string(), "required, but huge pages: not granted: too small [TR-0784]");
    let granted = Granted { granted: true, ..refused(Grant::Require) };
    assert_eq!(granted.to_string(), "huge pages: granted: too small");
    assert!(granted.required().is_ok());
}

#[test]
fn issue_4548_real_time_is_what_the_kernel_says() {
    if !in_child("issue_4548_real_time_is_what_the_kernel_says", "") {
        return;
    }
    let granted = realtime(10, Grant::Try);
    println!("{granted}");
    assert_eq!(granted.granted, scheduling() == (1, 10), "{granted}");
    let refused = if may(SYS_NICE) { "cpu.rt_runtime_us" } else { "limits.conf" };
    assert!(granted.granted || granted.detail.contains(refused), "{granted}");
    let inherited = std::thread::spawn(scheduling).join().unwrap();
    assert_eq!(inherited, (0, 0), "threads started later are ordinary");
    ordinary_scheduling().unwrap();
    assert_eq!(scheduling(), (0, 0));
    for wrong in [0, 100, 255] {
        let granted = realtime(wrong, Grant::Try);
        assert!(granted.is_missing() && granted.detail.contains("not from 1 to 99"), "{granted}");
        assert!(granted.to_string().ends_with(" [TR-0781]"), "{granted}");
        assert_eq!(realtime(wrong, Grant::Require).required().unwrap_err().code(), "TR-0781");
        assert_eq!(scheduling(), (0, 0));
    }
}

#[test]
fn locked_memory_is_what_the_kernel_says() {
    if !in_child("locked_memory_is_what_the_kernel_says", "") {
        return;
    }
    let granted = lock_memory(Grant::Try);
    println!("{granted}");
    assert_eq!(granted.granted, status("VmLck") > 0, "{granted}");
    assert!(granted.granted || !may(IPC_LOCK) && granted.detail.contains("RLIMIT_MEMLOCK is"), "{granted}");
    unlock_memory();
    assert_eq!(status("VmLck"), 0);
}

#[test]
fn issue_4548_a_refusal_says_which_limit_it_is() {
    if !in_child("issue_4548_a_refusal_says_which_limit_it_is", "ulimit -l 64 && ulimit -r 3;") {
        return;
    }
    let granted = lock_memory(Grant::Require);
    let lifted = may(IPC_LOCK);
    assert_eq!(granted.granted, lifted, "{granted}");
    assert!(lifted || granted.detail.contains("RLIMIT_MEMLOCK is 64 kB"), "{granted}");
    assert!(lifted || granted.to_string().ends_with(" [TR-0782]"), "{granted}");
    unlock_memory();
    let granted = realtime(50, Grant::Require);
    assert_eq!(granted.granted, scheduling() == (1, 50), "{granted}");
    assert!(granted.granted || may(SYS_NICE) || granted.detail.contains("RLIMIT_RTPRIO is "), "{granted}");
}

#[test]
fn a_thread_that_the_system_refuses_is_told() {
    // A stack of 64 TiB does not fit.
    if !in_child("a_thread_that_the_system_refuses_is_told", "export RUST_MIN_STACK=70368744177664;") {
        return;
    }
    let refused = SlotThread::builder("slots").start().map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), "TR-0631");
    let text = refused.to_string();
    assert!(text.starts_with("thread slots: not started: ") && text.ends_with(" [TR-0631]"), "{text}");
}

#[test]
fn a_range_is_in_memory_after_prefault_and_unchanged() {
    // Alone in its process, whose memory is measured.
    if !in_child("a_range_is_in_memory_after_prefault_and_unchanged", "") {
        return;
    }
    // Fresh from the kernel, and never touched.
    let mut memory: Vec<u8> = Vec::with_capacity(32 << 20);
    let spare = memory.spare_capacity_mut();
    let before = status("VmRSS");
    let granted = prefault(MemoryRange::of(spare), Grant::Require);
    println!("{granted}");
    let grown = status("VmRSS").saturating_sub(before);
    assert_eq!(granted.granted, grown > 24 << 10, "{granted}, grown by {grown} kB");
    assert!(granted.granted || granted.detail.contains("5.14"), "{granted}");
    memory.extend((0..1_000_000_u32).map(|i| i as u8));
    assert!(prefault(MemoryRange::of(&memory), Grant::Try).granted, "again does no harm");
    assert!(memory.iter().enumerate().all(|(i, &byte)| byte == i as u8), "contents are as before");
    assert!(prefault(MemoryRange::of::<u64>(&[]), Grant::Try).granted, "nothing is in memory");
    let nowhere = prefault(MemoryRange::at(4096, 8192), Grant::Try);
    assert!(nowhere.is_missing() && nowhere.to_string().ends_with("[TR-0783]"), "{nowhere}");
}

#[test]
fn a_stack_is_met_as_far_as_it_goes() {
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let work = || [prefault_stack(512, Grant::Try), prefault_stack(512, Grant::Try), prefault_stack(4096, Grant::Try)];
    let [first, again, beyond] = thread.spawn(work).unwrap().join().unwrap();
    assert!(first.granted && again.granted, "{first}");
    assert!(beyond.is_missing() && beyond.detail.contains("larger one"), "{beyond}");
    assert!(prefault_stack(0, Grant::Try).granted);
}

/// The flags of the mapping that holds the middle of a range: `hg` where huge pages were asked for.
fn flags_of(memory: &[impl Sized]) -> String {
    let middle = memory.as_ptr().addr() + size_of_val(memory) / 2;
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let holds = |line: &str| {
        let (from, to) = line.split(' ').next()?.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some((address(from)?..address(to)?).contains(&middle))
    };
    let mut lines = text.lines().skip_while(|line| holds(line) != Some(true));
    lines.find(|line| line.starts_with("VmFlags")).unwrap_or_default().to_owned()
}

#[test]
fn huge_pages_are_what_the_kernel_says() {
    let mut fresh: Vec<u8> = Vec::with_capacity(16 << 20);
    let touched: Vec<u8> = vec![1; 16 << 20];
    let granted = [
        huge_pages(MemoryRange::of(fresh.spare_capacity_mut()), Grant::Try),
        huge_pages(MemoryRange::of(&touched), Grant::Try),
    ];
    let mode = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    for granted in granted {
        println!("{granted}");
        if mode.is_empty() || mode.contains("[never]") {
            assert!(granted.is_missing() && granted.detail.contains("transparent_hugepage"), "{granted}");
        } else {
            assert!(flags_of(&touched).contains(" hg") && flags_of(fresh.spare_capacity_mut()).contains(" hg"));
            assert!(granted.detail.contains(" kB are in huge pages"), "{granted}");
            assert_eq!(granted.granted, !granted.detail.contains("free blocks"), "{granted}");
        }
    }
    assert!(touched.iter().all(|&byte| byte == 1), "contents are as before");
    let small = huge_pages(MemoryRange::of(&touched[..4096]), Grant::Try);
    assert!(small.is_missing() && small.to_string().ends_with("[TR-0784]"), "{small}");
}

/// Reads until `wanted` holds of what a thread did since the first reading.
fn until(clock: &mut ThreadClock, wanted: impl Fn(&ThreadSpan) -> bool) -> ThreadSpan {
    let (first, begun) = (clock.read().unwrap(), Instant::now());
    loop {
        let span = clock.read().unwrap().since(&first);
        if wanted(&span) {
            return span;
        }
        assert!(begun.elapsed() < SOON, "{span:?}");
        std::thread::yield_now();
    }
}

#[test]
fn issue_4570_a_thread_that_runs_and_one_that_sleeps_are_told_apart() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let (tell, told) = channel();
    let (wake, sleep) = channel::<()>();
    let tell_too = tell.clone();
    let sleeper = std::thread::spawn(move || {
        tell.send((0, ThreadClock::of_this_thread())).unwrap();
        let _ = sleep.recv();
    });
    let runner = std::thread::spawn(move || {
        tell_too.send((1, ThreadClock::of_this_thread())).unwrap();
        while !STOP.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let mut clocks = [told.recv().unwrap(), told.recv().unwrap()];
    clocks.sort_by_key(|(at, _)| *at);
    let [(_, mut sleeping), (_, mut running)] = clocks;
    const LONG_NS: u64 = 1_000_000;
    until(&mut sleeping, |span| span.elapsed_ns > LONG_NS && span.activity() == Activity::Blocked);
    // Never asleep, though others may have its core at times.
    until(&mut running, |span| span.run_ns > LONG_NS && span.slept_ns() <= span.elapsed_ns / 2);
    assert!(running.read().unwrap().runnable);
    STOP.store(true, Ordering::Relaxed);
    runner.join().unwrap();
    drop(wake);
    sleeper.join().unwrap();
    assert!(running.read().is_err(), "a thread that has ended has no times");
}

#[test]
fn issue_4548_two_threads_that_spin_on_one_core_are_seen() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let core = *allowed_cores().last().unwrap();
    let (tell, told) = channel();
    let spin = |tell: std::sync::mpsc::Sender<ThreadClock>| {
        move || {
            pin_current_thread(core).unwrap();
            tell.send(ThreadClock::of_this_thread()).unwrap();
            while !STOP.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        }
    };
    let threads = [std::thread::spawn(spin(tell.clone())), std::thread::spawn(spin(tell))];
    for mut clock in [told.recv().unwrap(), told.recv().unwrap()] {
        until(&mut clock, ThreadSpan::shares_core);
        assert_eq!(clock.read().unwrap().core, Some(core));
    }
    STOP.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_look_at_a_thread_allocates_nothing() {
    let mut clock = ThreadClock::of_this_thread();
    let first = clock.read().unwrap();
    let before = ALLOCATIONS.get();
    let second = clock.read().unwrap();
    assert_eq!(ALLOCATIONS.get(), before);
    assert!(second.run_ns > first.run_ns && second.at >= first.at && second.runnable);
    drop(Box::new(1));
    assert_eq!(ALLOCATIONS.get(), before + 1, "it does count");
}
