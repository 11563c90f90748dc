//! A table of bad configurations, each with everything that is said of it.

/// A text, and the lines of its mistakes.
pub(crate) const TABLE: &[(&str, &[&str])] = &[
    (
        r"[buses.md.history.all]
count_max = 0",
        &["t.toml:2: buses.md.history.all.count_max = 0: too small; allowed: 1 to 268435456; take 1 [TR-0706]"],
    ),
    (
        r#"[buses.md]
slots.history = {}
history.all = { tags = ["Trade", "Trade"], thread = "fats" }
[threads.fast]"#,
        &[
            "t.toml:2: buses.md.slots.history: the name of a slot that keeps the history of the bus; allowed: any other than history; rename it [TR-0744]",
            r#"t.toml:3: buses.md.history.all.tags[1] = "Trade": twice in the list; allowed: each once; leave it out [TR-0739]"#,
            r#"t.toml:3: buses.md.history.all.thread = "fats": no such slot thread; allowed: fast, slots; did you mean fast? [TR-0733]"#,
        ],
    ),
    (
        r"[runtime]
memory_max_bytes = 100_000_000
[buses.md.history.all]
count_max = 1_000_000",
        &[
            "t.toml:2: runtime.memory_max_bytes = 100_000_000: all buses together take 132390912 bytes at least; allowed: runtime.memory_max_bytes, which is 100000000; take less, or raise runtime.memory_max_bytes [TR-0742]",
        ],
    ),
    (
        r"[buses.md]
slots_max = 1
history.all = {}
slots.s = {}",
        &[
            "t.toml:4: buses.md.slots = 2 slots: over slots_max; allowed: 1 at most; leave some out, or raise slots_max [TR-0724]",
        ],
    ),
    (
        r"[buses.md]
capacity_cells = 1000",
        &[
            "t.toml:2: buses.md.capacity_cells = 1000: not a power of two; allowed: a power of two from 2 to 4294967296; take 1024 [TR-0705]",
        ],
    ),
    (
        r"[buses.md]
capacity_cells = 1",
        &["t.toml:2: buses.md.capacity_cells = 1: too small; allowed: 2 to 4294967296; take 2 [TR-0706]"],
    ),
    (
        r"[buses.md]
capacity_cells = 0x2_0000_0000",
        &[
            "t.toml:2: buses.md.capacity_cells = 0x2_0000_0000: too large; allowed: 2 to 4294967296; take 4294967296 [TR-0706]",
        ],
    ),
    (
        r"[runtime]
system_cells = 1",
        &[
            "t.toml:2: runtime.system_cells = 1: not a power of two; allowed: 0, or a power of two from 2 to 1048576; take 2 [TR-0705]",
        ],
    ),
    (
        r"[runtime]
system_cells = 1000",
        &[
            "t.toml:2: runtime.system_cells = 1000: not a power of two; allowed: 0, or a power of two from 2 to 1048576; take 1024 [TR-0705]",
        ],
    ),
    (
        r"[runtime]
threads_max = -4",
        &["t.toml:2: runtime.threads_max = -4: too small; allowed: 1 to 4096; take 1 [TR-0706]"],
    ),
    (
        r"[runtime]
threads_max = 99999999999999999999999999999999999999999999",
        &[
            "t.toml:2: runtime.threads_max = 99999999999999999999999999999999999999999999: too large; allowed: 1 to 4096; take 4096 [TR-0706]",
        ],
    ),
    (
        r"[runtime]
shutdown_timeout_ms = 0",
        &["t.toml:2: runtime.shutdown_timeout_ms = 0: too small; allowed: 1 to 3600000; take 1 [TR-0706]"],
    ),
    (
        r#"[runtime]
signals = "true""#,
        &[
            r#"t.toml:2: runtime.signals = "true": of the wrong type, a string; allowed: true or false; write true without quotes [TR-0708]"#,
        ],
    ),
    (
        r"[runtime]
signals = 1",
        &[
            "t.toml:2: runtime.signals = 1: of the wrong type, an integer; allowed: true or false; give one of those [TR-0708]",
        ],
    ),
    (
        r"[runtime]
name = 5",
        &[r#"t.toml:2: runtime.name = 5: of the wrong type, an integer; allowed: a string; write "5" [TR-0708]"#],
    ),
    (
        r#"[runtime]
buses_max = "16""#,
        &[
            r#"t.toml:2: runtime.buses_max = "16": of the wrong type, a string; allowed: an integer from 1 to 1024; write 16 without quotes [TR-0708]"#,
        ],
    ),
    (
        r"[runtime]
buses_max = 16.0",
        &[
            "t.toml:2: runtime.buses_max = 16.0: of the wrong type, a float; allowed: an integer from 1 to 1024; write 16 [TR-0708]",
        ],
    ),
    (
        r"[runtime]
buses_max = 1979-05-27",
        &[
            "t.toml:2: runtime.buses_max = 1979-05-27: of the wrong type, a date or time; allowed: an integer from 1 to 1024; give one of those [TR-0708]",
        ],
    ),
    (
        r"[runtime]
cores = 3",
        &[
            "t.toml:2: runtime.cores = 3: of the wrong type, an integer; allowed: a list of integers from 0 to 8191; write [3] [TR-0708]",
        ],
    ),
    (
        r#"[runtime]
cores = [0, "1"]"#,
        &[
            r#"t.toml:2: runtime.cores[1] = "1": of the wrong type, a string; allowed: an integer from 0 to 8191; write 1 without quotes [TR-0708]"#,
        ],
    ),
    (
        r"[runtime]
cores = [0, 9000]",
        &["t.toml:2: runtime.cores[1] = 9000: too large; allowed: 0 to 8191; take 8191 [TR-0706]"],
    ),
    (
        r"[runtime]
cores = [2, 3, 2]",
        &["t.toml:2: runtime.cores[2] = 2: twice in the list; allowed: each once; leave it out [TR-0739]"],
    ),
    (
        r"runtime = 5",
        &["t.toml:1: runtime = 5: of the wrong type, an integer; allowed: a table; give one of those [TR-0708]"],
    ),
    (
        r#"buses = ["md"]"#,
        &[r#"t.toml:1: buses = ["md"]: of the wrong type, a list; allowed: a table; give one of those [TR-0708]"#],
    ),
    (
        r"[buses]
md = 5",
        &["t.toml:2: buses.md = 5: of the wrong type, an integer; allowed: a table; give one of those [TR-0708]"],
    ),
    (
        r"[bus.md]
capacity_cells = 4096",
        &["t.toml:1: bus: no such key; allowed: runtime, threads, feeds, buses; did you mean buses? [TR-0709]"],
    ),
    (
        r"[buses.md]
capcity_cells = 4096",
        &[
            "t.toml:2: buses.md.capcity_cells = 4096: no such key; allowed: capacity_cells, slots_max, arena_bytes, dead_letters_max, dead_letter_age_max_ms, lanes, publishers, degradation, slots, history; did you mean capacity_cells? [TR-0709]",
        ],
    ),
    (
        r"[buses.md]
slots_max = 4
capacity_cells = 4096
slots_max = 8",
        &[
            "t.toml:4: buses.md.slots_max: a second time; first in line 2; allowed: each key once; leave one out [TR-0710]",
        ],
    ),
    (
        r"[buses.md]
slots_max = 4
[threads.t]
[buses.md]
capacity_cells = 4096",
        &["t.toml:4: buses.md: a second time; allowed: each key once; leave one out [TR-0710]"],
    ),
    (
        r#"[buses.md]
publishers.feed = { overflow = "wait", overflow = "fail" }"#,
        &["t.toml:2: overflow: a second time; allowed: each key once; leave one out [TR-0710]"],
    ),
    (
        r"[buses.md]
capacity_cells = 10x",
        &[
            "t.toml:2:18: capacity_cells = 10x: not a value; allowed: a number, true, false, a list, or a string in quotes; correct the line [TR-0711]",
        ],
    ),
    (
        r#"[buses.ok]
slots_max = 3
[buses.md
slots_max = 4
name = "x"
[buses.other]
slots_max = 0
[buses.other.slots.a]
thread = "perhaps_in_the_broken_part""#,
        &[
            "t.toml:3:10: [buses.md: unclosed table; allowed: `]`; correct the line [TR-0711]",
            "t.toml:7: buses.other.slots_max = 0: too small; allowed: 1 to 64; take 1 [TR-0706]",
        ],
    ),
    (
        r#"[buses.ok]
[buses.tail
slots_max = 0
colour = "red""#,
        &["t.toml:2:12: [buses.tail: unclosed table; allowed: `]`; correct the line [TR-0711]"],
    ),
    (
        r#""""
foo
[bus.md]
x"#,
        &[
            r#"t.toml:1:1: """: keys cannot be multi-line basic strings; allowed: basic string, literal string; correct the line [TR-0711]"#,
            "t.toml:4:2: x: key with no value; allowed: `=`; correct the line [TR-0711]",
        ],
    ),
    (
        r#"[buses.md]
slots.a.after = ["b"]
slots.b.after = ["a" "c"]
slots.c = {}"#,
        &[
            r#"t.toml:3:22: slots.b.after = ["a" "c"]: missing comma between array elements; allowed: `,`; correct the line [TR-0711]"#,
        ],
    ),
    (
        r"[buses.md]
capacity_cells
slots_max = 0",
        &[
            "t.toml:2:15: capacity_cells: key with no value; allowed: `=`; correct the line [TR-0711]",
            "t.toml:3: buses.md.slots_max = 0: too small; allowed: 1 to 64; take 1 [TR-0706]",
        ],
    ),
    (
        r"[buses.md]
capacity_cells =",
        &[
            "t.toml:2:17: capacity_cells =: not a value; allowed: a number, true, false, a list, or a string in quotes; correct the line [TR-0711]",
        ],
    ),
    (
        r#"[runtime]
name = "never closed"#,
        &[r#"t.toml:2:21: name = "never closed: invalid basic string; allowed: `"`; correct the line [TR-0711]"#],
    ),
    (
        r#"[runtime]
wait = "spin""#,
        &[
            r#"t.toml:2: runtime.wait = "spin": no such key; allowed: name, buses_max, threads_max, memory_max_bytes, cores, clock, start, shutdown_timeout_ms, signals, check_every_ms, system_cells, seed, preflight, lock_memory, prefault, huge_pages, realtime; take one of those [TR-0709]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
wait = "spinn""#,
        &[
            r#"t.toml:2: buses.md.slots.a.wait = "spinn": no such choice; allowed: spin, spin-then-yield, spin-then-park; did you mean spin? [TR-0707]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
panic = "restrat"
stuck = "kill"
measure = "all""#,
        &[
            r#"t.toml:2: buses.md.slots.a.panic = "restrat": no such choice; allowed: skip, restart, quarantine, abort; did you mean restart? [TR-0707]"#,
            r#"t.toml:3: buses.md.slots.a.stuck = "kill": no such choice; allowed: report, quarantine, abort; take one of those [TR-0707]"#,
            r#"t.toml:4: buses.md.slots.a.measure = "all": no such choice; allowed: off, slot, slot-and-tags; take one of those [TR-0707]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
overflow = "drop"
[buses.md.slots.a.overflow_tags]
Quote = "merge""#,
        &[
            r#"t.toml:2: buses.md.slots.a.overflow = "drop": no such choice; allowed: gate, drop-newest, drop-oldest, conflate, cut-off; take one of those [TR-0707]"#,
            r#"t.toml:4: buses.md.slots.a.overflow_tags.Quote = "merge": no such choice; allowed: gate, drop-newest, drop-oldest, conflate, cut-off; take one of those [TR-0707]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
overflow = "cut-off"
overflow_tags = { Quote = "conflate" }
[buses.md.slots.b]
overflow_tags = { Quote = "cut-off" }"#,
        &[
            r#"t.toml:3: buses.md.slots.a.overflow_tags.Quote = "conflate": cut-off is for whole slots; allowed: no overflow_tags where overflow is "cut-off"; leave it out [TR-0747]"#,
            r#"t.toml:5: buses.md.slots.b.overflow_tags.Quote = "cut-off": cut-off is for whole slots; allowed: gate, drop-newest, drop-oldest or conflate; take one of those, or set overflow = "cut-off" for the slot [TR-0747]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
overflow = "drop-oldest"
[buses.md.slots.b]
after = ["a"]"#,
        &[
            r#"t.toml:4: buses.md.slots.b.after[0] = "a": a slot that may lose events, and is not waited for; allowed: slots whose overflow is gate or cut-off; set overflow = "gate" for a, or run after the slots that it runs after [TR-0748]"#,
        ],
    ),
    (
        r#"[buses.md]
lanes = { count = 5, policy = "fair", weights = [0, 1] }
publishers.a = { lane = 4 }"#,
        &[
            "t.toml:2: buses.md.lanes.count = 5: too large; allowed: 1 to 4; take 4 [TR-0706]",
            r#"t.toml:2: buses.md.lanes.policy = "fair": no such choice; allowed: strict, weighted; take one of those [TR-0707]"#,
            "t.toml:2: buses.md.lanes.weights[0] = 0: too small; allowed: 1 to 1000; take 1 [TR-0706]",
            "t.toml:3: buses.md.publishers.a.lane = 4: too large; allowed: 0 to 3; take 3 [TR-0706]",
        ],
    ),
    (
        r#"[buses.md]
lanes = { count = 2, policy = "weighted", weights = [3, 2, 1] }
publishers.a = { lane = 2 }
slots.a = { overflow = "conflate", overflow_tags = { Halt = "gate", Quote = "drop-oldest" } }
history.h = { count_max = 8 }"#,
        &[
            "t.toml:2: buses.md.lanes.weights = [3, 2, 1]: 3 weights for 2 lanes; allowed: one for each lane; give 2 weights, the most urgent lane's first [TR-0745]",
            "t.toml:3: buses.md.publishers.a.lane = 2: the bus has 2 lanes; allowed: 0 to 1; take one of those, or set lanes.count = 3 [TR-0745]",
            r#"t.toml:4: buses.md.slots.a.overflow = "conflate": a slot of several lanes gates; allowed: gate; leave it out, or give the slot a bus without lanes [TR-0745]"#,
            r#"t.toml:4: buses.md.slots.a.overflow_tags.Quote = "drop-oldest": a slot of several lanes gates; allowed: gate; leave it out, or give the slot a bus without lanes [TR-0745]"#,
            "t.toml:5: buses.md.history.h: the history of a bus with lanes, which has no single order; allowed: histories of buses without lanes; leave it out, or keep that of a lane from code [TR-0745]",
        ],
    ),
    (
        r#"[buses.md.publishers.feed]
overflow = "block"
stamping = "never""#,
        &[
            r#"t.toml:2: buses.md.publishers.feed.overflow = "block": no such choice; allowed: wait, timeout, fail, shed; take one of those [TR-0707]"#,
            r#"t.toml:3: buses.md.publishers.feed.stamping = "never": no such choice; allowed: every-event, on-tick; take one of those [TR-0707]"#,
        ],
    ),
    (
        r#"[runtime]
clock = "tsc"
start = "some"
preflight = "fail"
realtime = true
lock_memory = "on""#,
        &[
            r#"t.toml:2: runtime.clock = "tsc": no such choice; allowed: auto, monotonic; take one of those [TR-0707]"#,
            r#"t.toml:3: runtime.start = "some": no such choice; allowed: all, any; take one of those [TR-0707]"#,
            r#"t.toml:4: runtime.preflight = "fail": no such choice; allowed: off, report, refuse; take one of those [TR-0707]"#,
            "t.toml:5: runtime.realtime = true: of the wrong type, a boolean; allowed: off, try, require; give one of those [TR-0708]",
            r#"t.toml:6: runtime.lock_memory = "on": no such choice; allowed: off, try, require; take one of those [TR-0707]"#,
        ],
    ),
    (
        r#"[threads.t]
cores = "all""#,
        &[r#"t.toml:2: threads.t.cores = "all": no such choice; allowed: auto, any; take one of those [TR-0707]"#],
    ),
    (
        r"[threads.t]
cores = 2",
        &[
            "t.toml:2: threads.t.cores = 2: of the wrong type, an integer; allowed: auto, any, or a list of integers from 0 to 8191; write [2] [TR-0708]",
        ],
    ),
    (
        r"[threads.t]
cores = []",
        &[
            r#"t.toml:2: threads.t.cores = []: no core; allowed: "auto", "any", or a list of core numbers; take "any" to pin to none [TR-0741]"#,
        ],
    ),
    (
        r"[threads.t]
threads_max = 2
cores = [1]",
        &[
            "t.toml:3: threads.t.cores = [1]: 1 cores for 2 threads; allowed: one for each thread; set threads_max = 1, or name 2 [TR-0741]",
        ],
    ),
    (
        r"[feeds.f]
cores = [1, 2]",
        &[
            "t.toml:2: feeds.f.cores = [1, 2]: 2 cores for 1 thread; allowed: one for each thread; name one core [TR-0741]",
        ],
    ),
    (
        r"[threads.t]
threads_max = 2
cores = [3, 3]",
        &["t.toml:3: threads.t.cores[1] = 3: twice in the list; allowed: each once; leave it out [TR-0739]"],
    ),
    (
        r"[runtime]
cores = [0, 1]
[threads.t]
cores = [2]",
        &[
            "t.toml:4: threads.t.cores[0] = 2: not in runtime.cores; allowed: [0, 1]; take one of those, or add it there [TR-0740]",
        ],
    ),
    (
        r"[threads.t]
realtime_priority = 100",
        &["t.toml:2: threads.t.realtime_priority = 100: too large; allowed: 0 to 99; take 99 [TR-0706]"],
    ),
    (
        r"[buses.a_bus_whose_name_has_32_letters0]",
        &[
            "t.toml:1: buses.a_bus_whose_name_has_32_letters0: a name too long; allowed: 1 to 31 letters and digits, with single - or _ between them; rename it [TR-0721]",
        ],
    ),
    (
        r#"[buses."md.raw"]
capacity_cells = 1000"#,
        &[
            r#"t.toml:1: buses."md.raw": a name with other characters; allowed: 1 to 31 letters and digits, with single - or _ between them; rename it [TR-0721]"#,
            r#"t.toml:2: buses."md.raw".capacity_cells = 1000: not a power of two; allowed: a power of two from 2 to 4294967296; take 1024 [TR-0705]"#,
        ],
    ),
    (
        r#"[buses.""]"#,
        &[
            r#"t.toml:1: buses."": an empty name; allowed: 1 to 31 letters and digits, with single - or _ between them; rename it [TR-0721]"#,
        ],
    ),
    (
        r"[buses.md--raw]",
        &[
            "t.toml:1: buses.md--raw: a name with two of - and _ in a row; allowed: 1 to 31 letters and digits, with single - or _ between them; rename it [TR-0721]",
        ],
    ),
    (
        r"[buses.md-raw]
[buses.MD_RAW]",
        &[
            "t.toml:1: buses.md-raw: a name like MD_RAW: environment variables cannot tell them apart; allowed: names that differ in more than case and - or _; rename one of them [TR-0722]",
        ],
    ),
    (
        r#"[runtime]
name = "my runtime""#,
        &[
            r#"t.toml:2: runtime.name = "my runtime": a name with other characters; allowed: 1 to 31 letters and digits, with single - or _ between them; rename it [TR-0721]"#,
        ],
    ),
    (
        r"[buses.system]",
        &[
            "t.toml:1: buses.system: the name of the runtime's own bus; allowed: any other than system; rename it; runtime.system_cells sizes that one [TR-0723]",
        ],
    ),
    (
        r"[threads.md]
[feeds.MD]",
        &[
            "t.toml:2: feeds.MD: the name of the slot thread md; allowed: a name that no slot thread has; rename one of them [TR-0723]",
        ],
    ),
    (
        r"[feeds.slots]
[buses.md.slots.a]",
        &[
            "t.toml:1: feeds.slots: the name of the slot thread slots; allowed: a name that no slot thread has; rename one of them [TR-0723]",
        ],
    ),
    (
        r"[runtime]
buses_max = 1
[buses.a]
[buses.b]",
        &[
            "t.toml:3: buses = 2 buses: over runtime.buses_max; allowed: 1 at most; leave some out, or raise runtime.buses_max [TR-0724]",
        ],
    ),
    (
        r"[buses.md]
slots_max = 1
[buses.md.slots.a]
[buses.md.slots.b]",
        &[
            "t.toml:3: buses.md.slots = 2 slots: over slots_max; allowed: 1 at most; leave some out, or raise slots_max [TR-0724]",
        ],
    ),
    (
        r"[runtime]
threads_max = 2
[feeds.md]
[buses.md.slots.a]",
        &[
            "t.toml:1: threads = 3 threads: over runtime.threads_max; allowed: 2 at most; leave some out, or raise runtime.threads_max [TR-0724]",
        ],
    ),
    (
        r#"[buses.md.slots.a]
after = ["b"]
[buses.md.slots.book]"#,
        &[
            r#"t.toml:2: buses.md.slots.a.after[0] = "b": no such slot of the bus; allowed: book; take one of those [TR-0731]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
after = ["a"]"#,
        &[
            r#"t.toml:2: buses.md.slots.a.after[0] = "a": a slot after itself; allowed: other slots; leave it out [TR-0732]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
after = ["b"]
[buses.md.slots.b]
after = ["c"]
[buses.md.slots.c]
after = ["a"]"#,
        &[
            r#"t.toml:2: buses.md.slots.a.after[0] = "b": a cycle: a after b, b after c, c after a; allowed: an order; leave one of them out [TR-0732]"#,
        ],
    ),
    (
        r#"[buses.md.slots.a]
after = ["b", "b"]
tags = ["Trade", "Quote", "Trade"]
[buses.md.slots.b]"#,
        &[
            r#"t.toml:2: buses.md.slots.a.after[1] = "b": twice in the list; allowed: each once; leave it out [TR-0739]"#,
            r#"t.toml:3: buses.md.slots.a.tags[2] = "Trade": twice in the list; allowed: each once; leave it out [TR-0739]"#,
        ],
    ),
    (
        r#"[threads.fast]
[buses.md.slots.a]
thread = "fsat""#,
        &[
            r#"t.toml:3: buses.md.slots.a.thread = "fsat": no such slot thread; allowed: fast, slots; did you mean fast? [TR-0733]"#,
        ],
    ),
    (
        r#"[buses.md.publishers.p]
slot = "md""#,
        &[
            r#"t.toml:2: buses.md.publishers.p.slot = "md": not a slot's name as BUS.SLOT; allowed: nothing (there is none); leave it out [TR-0734]"#,
        ],
    ),
    (
        r#"[buses.md.publishers.p]
slot = "md.vwpa"
[buses.md.slots.vwap]"#,
        &[
            r#"t.toml:2: buses.md.publishers.p.slot = "md.vwpa": no such slot; allowed: md.vwap; did you mean md.vwap? [TR-0734]"#,
        ],
    ),
    (
        r#"[buses.md.slots.vwap]
[buses.md.publishers.p]
slot = "md.vwap""#,
        &[
            r#"t.toml:3: buses.md.publishers.p.slot = "md.vwap": slot md.vwap waits for bus md, its own, which it alone could empty; allowed: waiting publishers without a cycle; take overflow timeout, fail or shed for one [TR-0735]"#,
        ],
    ),
    (
        r#"[buses.md.slots.vwap]
[buses.md.publishers.p]
slot = "orders.risk"
[buses.orders.slots.risk]
[buses.orders.publishers.p]
slot = "md.vwap""#,
        &[
            r#"t.toml:6: buses.orders.publishers.p.slot = "md.vwap": a cycle: slot md.vwap waits for bus orders, slot orders.risk waits for bus md; allowed: waiting publishers without a cycle; take overflow timeout, fail or shed for one [TR-0735]"#,
        ],
    ),
    (
        r"[buses.md]
arena_bytes = 1024
publishers.a = {}
publishers.b = {}",
        &[
            "t.toml:2: buses.md.arena_bytes = 1024: the bus has 2 publishers, and bytes have one; allowed: 0 on a bus for many publishers; give the bytes a bus of their own [TR-0736]",
        ],
    ),
    (
        r"[buses.md]
arena_bytes = 1024
publishers.a = { clones = true }",
        &[
            "t.toml:2: buses.md.arena_bytes = 1024: publisher a may be cloned, and bytes have one publisher; allowed: 0 on a bus for many publishers; give the bytes a bus of their own [TR-0736]",
        ],
    ),
    (
        r"[buses.md.slots.a]
restart_pause_ms = 6000",
        &[
            "t.toml:2: buses.md.slots.a.restart_pause_ms = 6000: above restart_pause_max_ms; allowed: 5000 or less; lower it, or raise restart_pause_max_ms [TR-0737]",
        ],
    ),
    (
        r"[buses.md.slots.a]
restart_pause_max_ms = 5",
        &[
            "t.toml:2: buses.md.slots.a.restart_pause_max_ms = 5: below restart_pause_ms; allowed: 10 or more; raise it, or lower restart_pause_ms [TR-0737]",
        ],
    ),
    (
        r"[buses.md.degradation]
degraded.lag_events = 100
shedding.lag_events = 99",
        &[
            "t.toml:3: buses.md.degradation.shedding.lag_events = 99: below degraded.lag_events, which is 100; allowed: 0, or 100 or more; raise it, or lower the other [TR-0743]",
        ],
    ),
    (
        r#"[buses.md.degradation]
shedding.keep = ["Trade"]
halted.keep = ["Trade", "Halt"]"#,
        &[
            r#"t.toml:3: buses.md.degradation.halted.keep[1] = "Halt": not in shedding.keep: it is left out before; allowed: Trade; leave it out, or add it to shedding.keep [TR-0932]"#,
        ],
    ),
    (
        r"[buses.md.slots.a]
stuck_after_ms = 5",
        &[
            "t.toml:2: buses.md.slots.a.stuck_after_ms = 5: below runtime.check_every_ms; allowed: 0, or 10 or more; raise it, or lower runtime.check_every_ms [TR-0738]",
        ],
    ),
    (
        r"[runtime]
check_every_ms = 2000
[buses.md.slots.a]",
        &[
            "t.toml:2: runtime.check_every_ms = 2000: above stuck_after_ms of buses.md.slots.a; allowed: 1000 or less; lower it, or raise stuck_after_ms [TR-0738]",
        ],
    ),
    (
        r"[buses.md]
capacity_cells = 4294967296",
        &[
            "t.toml:2: buses.md.capacity_cells = 4294967296: all buses together take 274878103552 bytes at least; allowed: runtime.memory_max_bytes, which is 1073741824; take less, or raise runtime.memory_max_bytes [TR-0742]",
        ],
    ),
    (
        r"[runtime]
memory_max_bytes = 4096",
        &[
            "t.toml:2: runtime.memory_max_bytes = 4096: all buses together take 65536 bytes at least; allowed: runtime.memory_max_bytes, which is 4096; take less, or raise runtime.memory_max_bytes [TR-0742]",
        ],
    ),
    (
        r"[buses.md]
arena_bytes = 2000000000",
        &[
            "t.toml:2: buses.md.arena_bytes = 2000000000: all buses together take 2004390912 bytes at least; allowed: runtime.memory_max_bytes, which is 1073741824; take less, or raise runtime.memory_max_bytes [TR-0742]",
        ],
    ),
    (
        r"[buses.md]
capacity_cells = 64
publishers.p.gate = { quota_in_flight = 65 }",
        &[
            "t.toml:3: buses.md.publishers.p.gate.quota_in_flight = 65: above the bus's capacity_cells; allowed: 0 to 64; lower it, or raise capacity_cells [TR-0740]",
        ],
    ),
    (
        r"[buses.md.publishers.p]
clones = true
gate.rate_per_s = 5",
        &[
            "t.toml:2: buses.md.publishers.p.clones = true: a gate counts for one thread, and cannot be cloned; allowed: false; name a publisher for each thread, or leave the gate out [TR-0740]",
        ],
    ),
    (
        r"[buses.md.publishers.p.gate]
dedup_window = 100",
        &[
            "t.toml:2: buses.md.publishers.p.gate.dedup_window = 100: not a power of two from 64; allowed: 0, or a power of two from 64 to 16777216; take 128 [TR-0705]",
        ],
    ),
    (
        r"[buses.md.publishers.p.gate]
dedup_window = 2",
        &[
            "t.toml:2: buses.md.publishers.p.gate.dedup_window = 2: not a power of two from 64; allowed: 0, or a power of two from 64 to 16777216; take 64 [TR-0705]",
        ],
    ),
    (
        r#"[buses.md.publishers.p.gate]
rates.quotes = { tags = ["Quote"], per_s = 10, burst = 0 }
rates.all = { tags = ["Trade", "Quote", "Trade"], per_s = 0 }
rates.none = { tags = [] }
rates."a b" = { tags = ["Depth"] }"#,
        &[
            r#"t.toml:2: buses.md.publishers.p.gate.rates.quotes.tags[0] = "Quote": in group all already; allowed: each tag in one group; take it out of one [TR-0740]"#,
            "t.toml:2: buses.md.publishers.p.gate.rates.quotes.burst = 0: too small; allowed: 1 to 16777216; take 1 [TR-0706]",
            r#"t.toml:3: buses.md.publishers.p.gate.rates.all.tags[2] = "Trade": twice in the list; allowed: each once; leave it out [TR-0739]"#,
            "t.toml:3: buses.md.publishers.p.gate.rates.all.per_s = 0: too small; allowed: 1 to 1000000000; take 1 [TR-0706]",
            "t.toml:4: buses.md.publishers.p.gate.rates.none.tags = []: a group without tags; allowed: at least one tag; name its payloads, or leave the group out [TR-0740]",
            r#"t.toml:5: buses.md.publishers.p.gate.rates."a b": a name with other characters; allowed: 1 to 31 letters and digits, with single - or _ between them; rename it [TR-0721]"#,
        ],
    ),
    (
        r#"[buses.md.publishers.p.gate]
ranges = ["Trade.price in 1..=5", "Trade.price of 7", "Trade.price in 1..=5"]
time_order = "keys"
age_max_ns = -1
rate = 5"#,
        &[
            r#"t.toml:2: buses.md.publishers.p.gate.ranges[1] = "Trade.price of 7": not a rule; allowed: PAYLOAD.FIELD in MIN..=MAX, or PAYLOAD.FIELD in VALUE, VALUE; write it like Trade.price in 1..=1000000 [TR-0741]"#,
            r#"t.toml:2: buses.md.publishers.p.gate.ranges[2] = "Trade.price in 1..=5": twice in the list; allowed: each once; leave it out [TR-0739]"#,
            r#"t.toml:3: buses.md.publishers.p.gate.time_order = "keys": no such choice; allowed: any, publisher, key; did you mean key? [TR-0707]"#,
            "t.toml:4: buses.md.publishers.p.gate.age_max_ns = -1: too small; allowed: 0 to 86400000000000; take 0 [TR-0706]",
            "t.toml:5: buses.md.publishers.p.gate.rate = 5: no such key; allowed: rate_per_s, rate_burst, quota_in_flight, dedup_window, dedup_clients, time_order, time_keys_max, age_max_ns, deadlines, validate, ranges, rates; did you mean rates? [TR-0709]",
        ],
    ),
];
