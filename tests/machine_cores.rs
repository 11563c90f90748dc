//! The machine's cores as they are read, and who is placed on them, through the public API, on machines that are made up.

#[path = "machine/tree.rs"]
mod tree;

use tagring::runtime::config::Cores;
use tagring::runtime::machine::{
    Core, Demand, FindingKind, PlacementError, Severity, Topology, Waits, Wanted, Who, Why, place,
};
use tree::Tree;

const CPU: &str = "sys/devices/system/cpu";
const NODE: &str = "sys/devices/system/node";

/// Two sockets of four cores with two hyper-threads each, as such a machine describes itself.
fn two_sockets(tree: &Tree) {
    tree.put(&format!("{CPU}/online"), "0-15\n").put(&format!("{CPU}/offline"), "\n");
    for id in 0..16 {
        let (package, first) = (id % 8 / 4, id % 8);
        let topology = format!("{CPU}/cpu{id}/topology");
        tree.put(&format!("{topology}/physical_package_id"), format!("{package}\n"));
        tree.put(&format!("{topology}/thread_siblings_list"), format!("{first},{}\n", first + 8));
    }
    tree.put(&format!("{NODE}/node0/cpulist"), "0-3,8-11\n").put(&format!("{NODE}/node1/cpulist"), "4-7,12-15\n");
    tree.put("proc/self/status", "Name:\tx\nCpus_allowed:\tffff\nCpus_allowed_list:\t0-15\n");
}

#[test]
fn issue_4548_two_sockets_with_hyper_threads_are_read() {
    let tree = Tree::new("two-sockets");
    two_sockets(&tree);
    assert_eq!(Topology::read_from(tree.root()), Topology::regular(2, 4, 2));

    tree.put(&format!("{CPU}/isolated"), "2-3,10-11\n").put(&format!("{CPU}/nohz_full"), "3\n");
    let machine = Topology::read_from(tree.root());
    let (two, three) = (machine.core(2).unwrap(), machine.core(3).unwrap());
    assert!(two.isolated && !two.nohz_full && three.isolated && three.nohz_full);
    assert_eq!((three.package, three.node, &three.siblings), (0, 0, &vec![11]));
    let table = machine.to_string();
    assert_eq!(table.lines().count(), 17, "{table}");
    assert!(table.lines().nth(4).unwrap().ends_with("allowed isolated nohz-full"), "{table}");
}

#[test]
fn a_mask_and_cores_that_are_off_leave_fewer() {
    let tree = Tree::new("masked");
    two_sockets(&tree);
    tree.put(&format!("{CPU}/online"), "0-11\n").put(&format!("{CPU}/offline"), "12-15,16-63\n");
    tree.put("proc/self/status", "Cpus_allowed_list:\t1,10-13,500\n");
    let machine = Topology::read_from(tree.root());
    assert_eq!(machine.allowed(), [1, 10, 11], "what is off cannot be used, whatever the mask says");
    assert_eq!(machine.cores().len(), 16, "room for cores is not a core");
    assert!(!machine.core(12).unwrap().online && machine.core(500).is_none());
}

#[test]
fn a_virtual_machine_without_topology_files_has_plain_cores() {
    let tree = Tree::new("plain");
    tree.put(&format!("{CPU}/cpu0/power"), "")
        .put(&format!("{CPU}/cpu1/power"), "")
        .put(&format!("{CPU}/cpufreq/x"), "");
    assert_eq!(Topology::read_from(tree.root()), Topology::made_up([Core::new(0), Core::new(1)]));
    tree.put(&format!("{CPU}/cpu1/online"), "0\n");
    assert_eq!(Topology::read_from(tree.root()).allowed(), [0]);
}

#[test]
fn nothing_at_all_and_odd_contents_degrade() {
    let tree = Tree::new("odd");
    assert_eq!(Topology::read_from(tree.root()), Topology::made_up([Core::new(0)]), "nothing at all: one core");
    assert_eq!(Topology::read_from(&tree.root().join("nowhere")).allowed(), [0]);
    tree.put("proc/self/status", "Cpus_allowed_list:\t4-5\n");
    assert_eq!(Topology::read_from(tree.root()).allowed(), [4, 5], "the mask is all that is known");

    tree.put(&format!("{CPU}/online"), b"0-1,\xff\xfe,9-3,7-\n").put(&format!("{CPU}/isolated"), "(null)\n");
    tree.put(&format!("{CPU}/cpu0/topology/physical_package_id"), "-1\n");
    tree.put(&format!("{CPU}/cpu0/topology/thread_siblings_list"), "0-1,77\n");
    tree.put(&format!("{NODE}/node3/cpulist"), "1\n").put(&format!("{NODE}/nodex/cpulist"), "0\n");
    tree.put("proc/self/status", "Cpus_allowed_list:\t\n");
    let machine = Topology::read_from(tree.root());
    let expected = [Core { siblings: vec![1], ..Core::new(0) }, Core { siblings: vec![0], node: 3, ..Core::new(1) }];
    assert_eq!(machine.cores(), expected, "siblings are mutual, a negative socket is 0, no mask allows all");
}

#[test]
fn this_machine_is_read_as_the_kernel_says() {
    let machine = Topology::read();
    assert_eq!(machine.allowed(), tagring::bus::allowed_cores());
    assert!(machine.first().is_some());
}

#[test]
fn a_runtime_may_be_limited_to_some_cores() {
    let machine = Topology::regular(1, 4, 1);
    assert_eq!(machine.clone().limited_to(&[]).unwrap().allowed(), [0, 1, 2, 3]);
    assert_eq!(machine.clone().limited_to(&[3, 1]).unwrap().allowed(), [1, 3]);
    let mistakes = machine.limited_to(&[1, 4, 9]).unwrap_err();
    let text = mistakes[0].to_string();
    assert!(text.starts_with("runtime (runtime.cores): cores 4,9 are not among those that may be used, 0-3"), "{text}");
}

fn cores(topology: &Topology, demands: &[Demand]) -> Vec<Vec<Option<usize>>> {
    let placement = place(topology, demands).unwrap();
    (0..demands.len()).map(|at| placement.cores_of(at).collect()).collect()
}

fn listed(demand: Demand, list: &[usize]) -> Demand {
    Demand { cores: Cores::List(list.to_vec()), key: Some(format!("threads.{}.cores", demand.name)), ..demand }
}

#[test]
fn issue_4548_isolated_cores_come_first_then_whole_ones_then_near_ones() {
    let machine = |isolated: &[usize]| {
        let regular = Topology::regular(2, 4, 2);
        Topology::made_up(
            regular.cores().iter().cloned().map(|core| Core { isolated: isolated.contains(&core.id), ..core }),
        )
    };
    let feed = Demand::feed("itch", Waits::Spins);
    let slots = Demand { near: Some(0), ..Demand::slots("slots", Waits::Spins, 4, 9) };
    // Node 1 has more room: the first core of node 0 is left to the kernel. Hyper-threads of cores in use come last.
    let plain = cores(&machine(&[]), &[feed.clone(), slots.clone()]);
    assert_eq!(plain, [vec![Some(4)], vec![Some(5), Some(6), Some(7), Some(1)]]);
    assert_eq!(cores(&machine(&[6, 13]), &[feed.clone(), slots.clone()])[0], [Some(6)]);
    // Three isolated ones; then the group goes on beside its partner, on node 1.
    let isolated = cores(&machine(&[5, 6, 13]), &[feed, slots]);
    assert_eq!(isolated, [vec![Some(5)], vec![Some(6), Some(13), Some(4), Some(7)]]);
}

#[test]
fn a_core_is_better_where_nothing_runs_beside_it() {
    // Hyper-threads 0 and 2, 1 and 3. The kernel is on 0, so 2 is half a core.
    let machine = Topology::regular(1, 2, 2).limited_to(&[0, 2, 3]).unwrap();
    assert_eq!(cores(&machine, &[Demand::feed("f", Waits::Spins)]), [[Some(3)]]);
    let isolated = Topology::made_up([Core { isolated: true, ..Core::new(0) }, Core::new(1)]);
    assert_eq!(cores(&isolated, &[Demand::service("s")]), [[Some(1)]], "an isolated core is wasted on who parks");
    let group = Demand::slots("slots", Waits::Spins, 2, 2);
    assert_eq!(cores(&Topology::regular(2, 4, 1), &[group]), [[Some(4), Some(5)]], "a group stays on one node");
}

#[test]
fn those_who_share_keep_off_the_core_that_an_unpinned_thread_will_need() {
    let any = Demand { cores: Cores::Any, ..Demand::feed("any", Waits::Spins) };
    let demands = [any, Demand::feed("a", Waits::Yields), Demand::feed("b", Waits::Yields)];
    assert_eq!(cores(&Topology::regular(1, 2, 1), &demands), [[None], [Some(1)], [Some(1)]]);
}

#[test]
fn a_partner_is_met_on_its_node_whoever_is_placed_first() {
    let machine = Topology::regular(2, 4, 1);
    let on_node_0 = listed(Demand::feed("itch", Waits::Spins), &[2]);
    let near = Demand { near: Some(0), ..Demand::slots("slots", Waits::Spins, 2, 2) };
    assert_eq!(cores(&machine, &[on_node_0.clone(), near])[1], [Some(1), Some(3)]);
    // The feed is near the slots, and comes after them.
    let feed = Demand { near: Some(0), ..Demand::feed("itch", Waits::Yields) };
    let slots = listed(Demand::slots("slots", Waits::Yields, 1, 1), &[3]);
    assert_eq!(cores(&machine, &[slots, feed])[1], [Some(1)]);
    let follower = Demand { near: Some(1), ..on_node_0 };
    assert_eq!(cores(&machine, &[follower, Demand::feed("b", Waits::Spins)])[1], [Some(1)], "both ways");
    let lost = Demand { near: Some(99), ..Demand::feed("lost", Waits::Spins) };
    assert_eq!(cores(&machine, &[lost]), [[Some(4)]], "a partner that is not there is none");
}

#[test]
fn the_first_core_is_left_to_the_kernel_and_to_threads_that_park() {
    let machine = Topology::regular(1, 4, 1);
    let demands =
        [Demand::slots("slots", Waits::Spins, 8, 8), Demand::service("service"), Demand::feed("f", Waits::Parks)];
    assert_eq!(cores(&machine, &demands), [vec![Some(1), Some(2), Some(3)], vec![Some(0)], vec![Some(0)]]);
    assert_eq!(cores(&machine, &demands[..1]), [[Some(1), Some(2), Some(3), Some(0)]], "nobody parks: all of it");
    let parking = Demand::slots("slots", Waits::Parks, 8, 3);
    let placed = cores(&machine, &[Demand::feed("f", Waits::Spins), parking]);
    assert_eq!(placed, [vec![Some(1)], vec![Some(0), Some(2), Some(3)]], "those that park spread over what is left");
}

#[test]
fn groups_shrink_before_anything_else_gives_way() {
    let machine = Topology::regular(1, 4, 1);
    let group = |name| Demand::slots(name, Waits::Spins, 4, 4);
    let counts = |demands: &[Demand]| cores(&machine, demands).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(counts(&[group("a"), group("b")]), [2, 2], "in turn");
    assert_eq!(counts(&[group("a"), group("b"), Demand::service("s")]), [2, 1, 1], "one core is left to the service");
    assert_eq!(counts(&[group("a"), Demand::feed("f", Waits::Spins), Demand::feed("g", Waits::Spins)]), [2, 1, 1]);
    assert_eq!(counts(&[Demand::slots("a", Waits::Spins, 4, 0)]), [1], "at least one");
    assert_eq!(counts(&[Demand::slots("a", Waits::Spins, 0, 4)]), [1]);
}

#[test]
fn issue_4548_one_core_is_shared_by_threads_that_yield_and_said() {
    let machine = Topology::regular(1, 1, 1);
    let feed = Demand::feed("itch", Waits::Yields);
    let slots = Demand::slots("slots", Waits::Yields, 4, 4);
    let demands = [feed.clone(), slots, Demand::service("service")];
    let placement = place(&machine, &demands).unwrap();
    assert_eq!(placement.threads.iter().map(|t| t.core).collect::<Vec<_>>(), [Some(0), Some(0), None]);
    assert_eq!((placement.threads[1].why, placement.threads[2].why), (Why::Doubled, Why::NoneLeft));
    let findings = placement.findings();
    assert_eq!(findings.len(), 2);
    assert_eq!((findings[0].kind, findings[0].severity), (FindingKind::SharedCore, Severity::Warning));
    let text = findings[0].to_string();
    assert!(
        text.contains("core 0: feed itch/0 (yields) and slots slots/0 (yields)") && text.ends_with("[TR-0760]"),
        "{text}"
    );
    assert_eq!((findings[1].kind, findings[1].severity), (FindingKind::NoCoreLeft, Severity::Info));
    assert!(placement.to_string().contains("core   0  slots slots/0 (yields): shared"), "{placement}");

    let spins = Demand { waits: Waits::Spins, ..feed };
    let mistakes = place(&machine, &[spins, demands[1].clone()]).unwrap_err();
    let [PlacementError::TooFewCores { wanted, needed: 2, allowed }] = &mistakes[..] else { panic!("{mistakes:?}") };
    assert_eq!(allowed, &[0]);
    let who = |name: &str| Who { name: name.into(), key: None, thread: None };
    let expected = [(who("itch"), Waits::Spins), (who("slots"), Waits::Yields)];
    assert_eq!(wanted, &expected.map(|(who, waits)| Wanted { who, waits, threads: 1 }));
    let text = mistakes[0].to_string();
    assert!(text.contains("itch spins with 1 thread, slots yields with 1 thread: that takes 2 cores"), "{text}");
    assert!(text.contains("those that may be used are 0; let some park") && text.ends_with("[TR-0755]"), "{text}");
}

#[test]
fn lists_are_obeyed_in_turn() {
    let machine = Topology::regular(1, 4, 1);
    let spins = listed(Demand::slots("s", Waits::Spins, 2, 2), &[3, 0, 1]);
    let auto = Demand::feed("f", Waits::Spins);
    assert_eq!(cores(&machine, &[auto, spins]), [vec![Some(1)], vec![Some(3), Some(0)]], "what is not used is free");
    let yields = listed(Demand::slots("y", Waits::Yields, 3, 3), &[2, 1]);
    assert_eq!(cores(&machine, std::slice::from_ref(&yields)), [[Some(2), Some(1), Some(2)]]);
    assert_eq!(place(&machine, &[yields]).unwrap().findings().len(), 1, "sharing is said also where it was asked for");
    let any = Demand { cores: Cores::Any, ..Demand::slots("a", Waits::Spins, 2, 2) };
    assert_eq!(cores(&machine, std::slice::from_ref(&any)), [[None, None]]);
    let spinning: Vec<Demand> = (0..3).map(|_| Demand::feed("f", Waits::Spins)).collect();
    let counts = cores(&machine, &[std::slice::from_ref(&any), &spinning[..]].concat());
    assert_eq!(counts[0].len(), 1, "a thread that is not pinned needs a core as well");
    assert!(place(&machine, &[&[any], &spinning[..], &spinning[..1]].concat()).is_err());
}

#[test]
fn issue_4549_every_mistake_is_named_at_once() {
    let machine = Topology::regular(1, 4, 1).limited_to(&[0, 1, 2]).unwrap();
    let demands = [
        listed(Demand::slots("far", Waits::Parks, 1, 1), &[2, 3, 8]),
        listed(Demand::feed("none", Waits::Parks), &[]),
        listed(Demand::slots("short", Waits::Spins, 3, 3), &[0, 1]),
        listed(Demand::feed("one", Waits::Spins), &[1]),
        listed(Demand::feed("two", Waits::Yields), &[1]),
        Demand::feed("a", Waits::Spins),
        Demand::feed("b", Waits::Spins),
        Demand::feed("c", Waits::Spins),
    ];
    let mistakes = place(&machine, &demands).unwrap_err();
    let codes: Vec<_> = mistakes.iter().map(PlacementError::code).collect();
    assert_eq!(codes, ["TR-0751", "TR-0752", "TR-0753", "TR-0754", "TR-0754", "TR-0755"]);
    let texts: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    let parts = [
        "far (threads.far.cores): cores 3,8 are not among those that may be used, 0-2",
        "none (threads.none.cores): the list of cores is empty",
        "short (threads.short.cores): cores 0-1 for 3 threads that spin",
        "core 1: short, thread 1 (threads.short.cores) spins there and never gives it away, and one (threads.one.cores)",
        "core 1: short, thread 1 (threads.short.cores) spins there and never gives it away, and two (threads.two.cores)",
        "short (threads.short.cores) spins with 3 threads",
    ];
    for (text, part) in texts.iter().zip(parts) {
        assert!(text.contains(part) && text.ends_with(']'), "{text}");
    }
    let twice = place(&machine, &[listed(Demand::slots("s", Waits::Spins, 2, 2), &[2, 2])]).unwrap_err();
    assert!(twice[0].to_string().contains("s, thread 0 (threads.s.cores) spins there"), "{}", twice[0]);
    let one = place(&machine, &[listed(Demand::feed("f", Waits::Parks), &[7])]).unwrap_err();
    assert!(one[0].to_string().contains("core 7 is not among"), "{}", one[0]);
    let nowhere = Topology::made_up([Core { allowed: false, ..Core::new(0) }]);
    let nothing = place(&nowhere, &[Demand::feed("f", Waits::Yields)]).unwrap_err();
    assert!(nothing[0].to_string().contains("may be used are none"), "{}", nothing[0]);
    assert_eq!(cores(&nowhere, &[Demand::service("s")]), [[None]], "who parks needs no core of its own");
}
