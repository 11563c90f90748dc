//! What the preflight finds on machines that are made up.

#[path = "machine/tree.rs"]
mod tree;

use tagring::clock::{Clock, ClockReport, ClockSource, TscRefusal};
use tagring::runtime::config::{Cores, Grant};
use tagring::runtime::machine::{
    Core, Demand, Finding, FindingKind, Placement, Preflight, Severity, Topology, Waits, place,
};
use tree::Tree;

const CPU: &str = "sys/devices/system/cpu";

/// Four cores: a feed spins on 1, slots spin on 2, and slots park on 3.
fn machine() -> (Topology, Placement) {
    let machine = Topology::regular(1, 4, 1);
    let parks = Demand { cores: Cores::List(vec![3]), ..Demand::slots("parks", Waits::Parks, 1, 1) };
    let demands = [Demand::feed("itch", Waits::Spins), Demand::slots("slots", Waits::Yields, 1, 1), parks];
    let placement = place(&machine, &demands).unwrap();
    (machine, placement)
}

fn look(tree: &Tree) -> Vec<Finding> {
    let (machine, placement) = machine();
    Preflight::new(&machine, &placement).root(tree.root()).pause(|| {}).look()
}

/// The codes of what these machines have.
const CODES: [(FindingKind, &str); 15] = [
    (FindingKind::Clock, "TR-0762"),
    (FindingKind::Governor, "TR-0763"),
    (FindingKind::DeepSleep, "TR-0764"),
    (FindingKind::Boost, "TR-0765"),
    (FindingKind::SiblingInUse, "TR-0766"),
    (FindingKind::NotIsolated, "TR-0767"),
    (FindingKind::HugePagesAlways, "TR-0768"),
    (FindingKind::Swap, "TR-0769"),
    (FindingKind::LockLimit, "TR-0770"),
    (FindingKind::PriorityLimit, "TR-0771"),
    (FindingKind::Throttling, "TR-0772"),
    (FindingKind::Quota, "TR-0773"),
    (FindingKind::Virtualised, "TR-0774"),
    (FindingKind::BusyCore, "TR-0775"),
    (FindingKind::Stolen, "TR-0776"),
];

/// What was found of that kind, which says what, where, the value, what is wanted, what to do, and its code.
fn only(findings: &[Finding], kind: FindingKind) -> Option<Finding> {
    let mut found = findings.iter().filter(|finding| finding.kind == kind);
    let first = found.next().cloned();
    if let Some(finding) = &first {
        let (_, code) = CODES.iter().find(|(known, _)| *known == kind).expect("a code for each kind looked for");
        let text = finding.to_string();
        assert!(finding.code() == *code && text.ends_with(&format!(" [{code}]")), "{text}");
        assert!(
            text.contains(&finding.place) && text.contains(&finding.value) && text.contains("; wanted: "),
            "{text}"
        );
    }
    assert_eq!(found.next(), None, "one finding of a kind");
    first
}

#[test]
fn what_cannot_be_read_is_no_finding() {
    let tree = Tree::new("empty");
    let findings = look(&tree);
    assert_eq!(findings.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::NotIsolated], "known without files");
    assert_eq!((findings[0].place.as_str(), findings[0].severity), ("cores 1-2", Severity::Info));
    for file in ["proc/stat", "proc/swaps", "proc/cpuinfo", "proc/self/limits", "proc/self/cgroup", "proc/self/status"]
    {
        tree.put(file, b"\xff\x00 odd\n:::\n-1");
    }
    assert_eq!(look(&tree), findings, "nor what is odd");
}

#[test]
fn cores_that_are_clocked_down_are_named_together() {
    let tree = Tree::new("governor");
    for (core, governor) in ["powersave", "schedutil", "schedutil", "performance"].into_iter().enumerate() {
        tree.put(&format!("{CPU}/cpu{core}/cpufreq/scaling_governor"), format!("{governor}\n"));
    }
    let finding = only(&look(&tree), FindingKind::Governor).unwrap();
    assert_eq!((finding.place.as_str(), finding.value.as_str()), ("cores 1-2", "governor `schedutil`"));
    tree.put(&format!("{CPU}/cpu1/cpufreq/scaling_governor"), "performance");
    assert_eq!(only(&look(&tree), FindingKind::Governor).unwrap().place, "core 2");
    tree.put(&format!("{CPU}/cpu2/cpufreq/scaling_governor"), "performance");
    assert_eq!(only(&look(&tree), FindingKind::Governor), None, "nobody of ours is busy on core 0");
}

#[test]
fn deep_sleep_counts_where_threads_park() {
    let tree = Tree::new("sleep");
    let states = [("POLL", 0, 0), ("C1", 2, 0), ("C1E", 10, 0), ("C6", 133, 0), ("C8", 300, 1)];
    for core in 0..4 {
        for (state, (name, latency, disable)) in states.iter().enumerate() {
            let folder = format!("{CPU}/cpu{core}/cpuidle/state{state}");
            tree.put(&format!("{folder}/name"), name).put(&format!("{folder}/latency"), latency.to_string());
            tree.put(&format!("{folder}/disable"), disable.to_string());
        }
    }
    let finding = only(&look(&tree), FindingKind::DeepSleep).unwrap();
    assert_eq!((finding.place.as_str(), finding.value.as_str()), ("core 3", "enabled: C6 (133 us)"));
    tree.put(&format!("{CPU}/cpu3/cpuidle/state3/disable"), "1");
    assert_eq!(only(&look(&tree), FindingKind::DeepSleep), None);
}

#[test]
fn boost_is_good_to_know() {
    let tree = Tree::new("boost");
    tree.put(&format!("{CPU}/cpufreq/boost"), "1\n");
    assert_eq!(only(&look(&tree), FindingKind::Boost).unwrap().severity, Severity::Info);
    tree.put(&format!("{CPU}/cpufreq/boost"), "0\n").put(&format!("{CPU}/intel_pstate/no_turbo"), "1\n");
    assert_eq!(only(&look(&tree), FindingKind::Boost), None);
    tree.put(&format!("{CPU}/intel_pstate/no_turbo"), "0\n");
    assert!(only(&look(&tree), FindingKind::Boost).unwrap().place.ends_with("no_turbo"));
}

#[test]
fn hyper_threads_of_one_core_are_found_once_a_pair() {
    let tree = Tree::new("siblings");
    let machine = Topology::regular(1, 2, 2);
    let on = |name, waits, core| Demand { cores: Cores::List(vec![core]), ..Demand::feed(name, waits) };
    let find = |demands: &[Demand]| {
        let placement = place(&machine, demands).unwrap();
        let findings = Preflight::new(&machine, &placement).root(tree.root()).look();
        only(&findings, FindingKind::SiblingInUse)
    };
    let finding = find(&[on("a", Waits::Spins, 3), on("b", Waits::Parks, 1)]).unwrap();
    assert_eq!(finding.place, "cores 1,3");
    assert_eq!(finding.value, "feed b/0 (parks) and feed a/0 (spins) on one physical core");
    assert_eq!(find(&[on("a", Waits::Spins, 3), on("b", Waits::Spins, 0)]), None);
    assert_eq!(find(&[on("a", Waits::Parks, 3), on("b", Waits::Parks, 1)]), None, "nobody is busy");
}

#[test]
fn isolated_cores_are_no_finding() {
    let tree = Tree::new("isolated");
    let (regular, placement) = machine();
    let machine = Topology::made_up(regular.cores().iter().cloned().map(|core| Core { isolated: core.id > 1, ..core }));
    let findings = Preflight::new(&machine, &placement).root(tree.root()).look();
    assert_eq!(only(&findings, FindingKind::NotIsolated).unwrap().place, "core 1");
}

#[test]
fn swap_and_huge_pages() {
    let tree = Tree::new("swap");
    let header = "Filename Type Size Used Priority\n";
    tree.put("proc/swaps", header);
    assert_eq!(only(&look(&tree), FindingKind::Swap), None);
    tree.put("proc/swaps", format!("{header}/dev/sda2 partition 1 0 -2\n/swap file 1 0 -3\n"));
    assert_eq!(only(&look(&tree), FindingKind::Swap).unwrap().value, "/dev/sda2, /swap");
    let (machine, placement) = machine();
    let locked = Preflight::new(&machine, &placement).root(tree.root()).lock_memory(Grant::Try, 0).look();
    assert_eq!(only(&locked, FindingKind::Swap), None, "locked memory is not swapped");
    let thp = "sys/kernel/mm/transparent_hugepage/enabled";
    tree.put(thp, "[always] madvise never");
    assert_eq!(only(&look(&tree), FindingKind::HugePagesAlways).unwrap().severity, Severity::Info);
    tree.put(thp, "always [madvise] never");
    assert_eq!(only(&look(&tree), FindingKind::HugePagesAlways), None);
}

#[test]
fn limits_below_what_is_asked_for_are_found_unless_a_capability_lifts_them() {
    let tree = Tree::new("limits");
    let limits = |lock: &str, priority: u8| {
        format!(
            "Limit  Soft Limit  Hard Limit  Units\nMax locked memory         {lock}  {lock}  bytes\n\
             Max realtime priority     {priority}  {priority}\n"
        )
    };
    let (machine, placement) = machine();
    let find = |lock, priority| {
        let look = Preflight::new(&machine, &placement).root(tree.root());
        let findings = look.lock_memory(lock, 1 << 20).realtime(Grant::Try, priority).look();
        [FindingKind::LockLimit, FindingKind::PriorityLimit]
            .map(|kind| only(&findings, kind).map(|f| (f.value, f.wanted)))
    };
    tree.put("proc/self/status", "VmSize:\t 8192 kB\nCapEff:\t0000000000000000\n");
    tree.put("proc/self/limits", limits("8388608", 10));
    let wanted = |value: &str, wanted: &str| Some((value.to_owned(), wanted.to_owned()));
    assert_eq!(find(Grant::Try, 50), [wanted("8192 kB", "at least 9216 kB, better unlimited"), wanted("10", "50")]);
    assert_eq!(find(Grant::Off, 10), [None, None], "not asked for");
    tree.put("proc/self/status", "VmSize:\t 8192 kB\nCapEff:\t0000000000804000\n");
    assert_eq!(find(Grant::Require, 50), [None, None], "the capabilities lift the limits");
    tree.put("proc/self/status", "VmSize:\t 8192 kB\nCapEff:\t0000000000000000\n");
    tree.put("proc/self/limits", limits("unlimited", 99));
    assert_eq!(find(Grant::Require, 99), [None, None]);
}

#[test]
fn real_time_threads_that_are_throttled() {
    let tree = Tree::new("throttled");
    tree.put("proc/sys/kernel/sched_rt_period_us", "1000000");
    let (machine, placement) = machine();
    let find = |run_us: &str, priority| {
        tree.put("proc/sys/kernel/sched_rt_runtime_us", run_us);
        let findings = Preflight::new(&machine, &placement).root(tree.root()).realtime(Grant::Try, priority).look();
        only(&findings, FindingKind::Throttling)
    };
    assert!(find("950000", 10).unwrap().value.contains("950000 of 1000000 us"));
    assert_eq!(find("950000", 0), None);
    assert_eq!(find("-1", 10), None);
    assert_eq!(find("1000000", 10), None);
}

#[test]
fn the_least_quota_of_all_groups_counts() {
    let tree = Tree::new("quota");
    tree.put("proc/self/cgroup", "0::/a.slice/b.service\n")
        .put("sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
    assert_eq!(only(&look(&tree), FindingKind::Quota), None);
    tree.put("sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n");
    let finding = only(&look(&tree), FindingKind::Quota).unwrap();
    assert_eq!(finding.place, "/sys/fs/cgroup/a.slice/cpu.max");
    assert_eq!(finding.value, "1.50 cores, and 2 threads keep one busy");
    tree.put("sys/fs/cgroup/a.slice/b.service/cpu.max", "50000 100000\n");
    assert!(only(&look(&tree), FindingKind::Quota).unwrap().value.starts_with("0.50 cores"));
    tree.put("proc/self/cgroup", "0::/../../other\n").put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    tree.put("sys/fs/cpu.max", "1 100000\n");
    assert_eq!(
        only(&look(&tree), FindingKind::Quota),
        None,
        "as many as there are busy threads; nothing outside is read"
    );
    // The older kind of control groups.
    tree.put("proc/self/cgroup", "4:cpuset:/\n1:cpu,cpuacct:/box\n")
        .put("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000");
    tree.put("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1");
    assert_eq!(only(&look(&tree), FindingKind::Quota), None);
    tree.put("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "100000");
    assert!(only(&look(&tree), FindingKind::Quota).unwrap().value.starts_with("1.00 cores"));
}

#[test]
fn a_virtual_machine_is_good_to_know() {
    let tree = Tree::new("virtual");
    tree.put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc\n\nprocessor\t: 1\nflags\t\t: fpu tsc\n");
    assert_eq!(only(&look(&tree), FindingKind::Virtualised), None);
    tree.put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc hypervisor lahf_lm\n");
    tree.put("sys/class/dmi/id/sys_vendor", "QEMU\n");
    let finding = only(&look(&tree), FindingKind::Virtualised).unwrap();
    assert_eq!((finding.value.as_str(), finding.severity), ("QEMU", Severity::Info));
}

#[test]
fn issue_4596_a_slow_clock_is_found() {
    let tree = Tree::new("clock");
    let (machine, placement) = machine();
    let find = |report: ClockReport| {
        only(&Preflight::new(&machine, &placement).root(tree.root()).clock(report).look(), FindingKind::Clock)
    };
    assert_eq!(find(Clock::monotonic().report()).unwrap().severity, Severity::Info, "as asked");
    assert_eq!(find(Clock::manual(0).0.report()), None);
    let reason = Some(TscRefusal::NotInvariant);
    let report = ClockReport { source: ClockSource::Monotonic, ticks_per_second: 1_000_000_000, error_ppm: 0, reason };
    let finding = find(report).unwrap();
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.to_string().ends_with("[TR-0762]") && finding.value.contains("not invariant"), "{finding}");
}

/// A line of `/proc/PID/task/TID/stat`.
fn stat(thread: usize, name: &str, ticks: u64, core: usize) -> String {
    format!(
        "{thread} ({name}) R 1 1 1 0 -1 4 0 0 0 0 {ticks} 3 0 0 20 0 1 0 4 3 3 1 2 3 4 5 6 0 0 0 0 0 0 0 17 {core} 0 0\n"
    )
}

#[test]
fn issue_4548_a_core_shared_with_a_busy_stranger_is_named_with_who_it_is() {
    let tree = Tree::new("stranger");
    let (machine, placement) = machine();
    // Ticks busy, idle and stolen of each core, at each look.
    let put = |cores: [(u64, u64, u64); 4]| {
        let line = |(core, (busy, idle, stolen))| format!("cpu{core} {busy} 0 0 {idle} 0 0 0 {stolen} 0 0\n");
        tree.put("proc/stat", cores.into_iter().enumerate().map(line).collect::<String>());
    };
    put([(0, 0, 0); 4]);
    tree.put("proc/70/task/70/stat", stat(70, "idle one", 5, 1)).put("proc/70/task/71/stat", stat(71, "a (b) c", 5, 1));
    tree.put("proc/80/task/80/stat", stat(80, "elsewhere", 5, 0)).put("proc/irq/x", "");
    let mut pauses = 0;
    let look = Preflight::new(&machine, &placement).root(tree.root()).pause(|| {
        pauses += 1;
        put([(5, 0, 0), (2, 3, 0), (1, 3, 1), (5, 0, 0)]);
        tree.put("proc/70/task/71/stat", stat(71, "a (b) c", 5 + pauses, 1));
        tree.put("proc/80/task/80/stat", stat(80, "elsewhere", 90 * pauses, 0));
    });
    let findings = look.look();
    assert_eq!(pauses, 2, "a second one, to see who it is");
    let busy = only(&findings, FindingKind::BusyCore).unwrap();
    assert_eq!((busy.place.as_str(), busy.severity), ("core 1", Severity::Warning));
    assert_eq!(busy.value, "40 % busy, by a (b) c, process 70, thread 71");
    let stolen = only(&findings, FindingKind::Stolen).unwrap();
    assert_eq!((stolen.place.as_str(), stolen.value.as_str()), ("core 2", "20 % of its time went to other machines"));
    assert!(findings.is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity)), "warnings come first");
}

#[test]
fn a_quiet_machine_is_looked_at_once() {
    let tree = Tree::new("quiet");
    let (machine, placement) = machine();
    let mut pauses = 0;
    tree.put("proc/stat", "cpu1 0 0 0 0 0 0 0 0\ncpu2 0 0 0 0 0 0 0 0\n");
    let look = Preflight::new(&machine, &placement).root(tree.root()).pause(|| {
        pauses += 1;
        tree.put("proc/stat", "cpu1 1 0 0 4 0 0 0 0\ncpu2 0 0 0 1 0 0 0 0\n");
    });
    let findings = look.look();
    assert_eq!(pauses, 1);
    assert_eq!(only(&findings, FindingKind::BusyCore), None, "a fifth is not over a fifth, one tick is no measurement");
    let parked = place(&machine, &[Demand::service("service")]).unwrap();
    let none = Preflight::new(&machine, &parked).root(tree.root()).pause(|| unreachable!("nobody will be busy")).look();
    assert_eq!(none, []);
}

#[test]
fn every_finding_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<_> = FindingKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), FindingKind::ALL.len());
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md")).unwrap();
    assert!(codes.iter().all(|code| page.contains(code)));
}

#[test]
fn this_machine_is_looked_at_without_harm() {
    let machine = Topology::read();
    let placement = place(&machine, &[Demand::feed("itch", Waits::Yields)]).unwrap();
    let look = Preflight::new(&machine, &placement).clock(Clock::system().report());
    for finding in look.lock_memory(Grant::Try, 1 << 20).realtime(Grant::Try, 50).look() {
        println!("{finding}");
        assert!(finding.to_string().contains(finding.code()));
    }
}
