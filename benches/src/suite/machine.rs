//! What the figures were taken on: processor, cores, kernel, governor, clock, the peers' versions. What cannot be read is left out.

use super::Setup;
use serde_json::{Value, json};
use std::fs;

/// The crates that the peers' rows come from, with the libraries that they are driven by.
const CRATES: &[&str] =
    &["crossbeam-channel", "crossbeam-queue", "disruptor", "flume", "iceoryx2", "kanal", "rtrb", "thingbuf", "tokio"];
/// The lock file that this program was built from: versions as they are, not as they were asked for.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The machine, as one JSON object.
#[must_use]
pub fn machine(setup: &Setup) -> Value {
    let cores = [("near", setup.cores.near.id), ("far", setup.cores.far.id)];
    let cores = cores.map(|(name, id)| (name.to_owned(), json!({"core": id, "governor": governor(id)})));
    let ticks_per_us = 1_000.0 / setup.scale.ns(1.0);
    json!({
        "processor": processor(),
        "processors": processors(),
        "cores": cores.into_iter().collect::<serde_json::Map<_, _>>(),
        "round_trip_ns": setup.round_trip_ns(),
        "kernel": line("/proc/sys/kernel/osrelease"),
        "clock": {"kind": if cfg!(target_arch = "x86_64") { "tsc" } else { "monotonic" }, "ticks_per_us": ticks_per_us},
        "hypervisor": flags().map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        "versions": versions(),
    })
}

/// The machine in a line, for people.
#[must_use]
pub fn machine_line(setup: &Setup) -> String {
    let name = processor().unwrap_or_else(|| "an unknown processor".into());
    let (near, far) = (setup.cores.near.id, setup.cores.far.id);
    let ghz = 1.0 / setup.scale.ns(1.0);
    let virtual_machine = flags().is_some_and(|flags| flags.contains("hypervisor"));
    let virtual_machine = if virtual_machine { ", a virtual machine" } else { "" };
    let apart = setup.round_trip_ns();
    format!("{name}{virtual_machine}, cores {near} and {far}, {apart:.0} ns apart there and back, clock {ghz:.2} GHz")
}

/// Versions of the peers: the crate's name and its version.
fn versions() -> Value {
    let version = |name: &&str| Some(((*name).to_owned(), Value::from(locked(name)?)));
    CRATES.iter().filter_map(version).collect::<serde_json::Map<_, _>>().into()
}

/// The version of a crate in the lock file.
fn locked(name: &str) -> Option<&'static str> {
    let (_, entry) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    entry.split_once('"').map(|(version, _)| version)
}

fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn governor(core: usize) -> Option<String> {
    line(&format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor"))
}

fn processor() -> Option<String> {
    of_processor("model name")
}

/// How many there are, whichever of them the calling thread may use: it is pinned.
fn processors() -> Option<usize> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    Some(text.lines().filter(|line| line.starts_with("processor")).count())
}

fn flags() -> Option<String> {
    of_processor("flags")
}

fn of_processor(key: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{CRATES, locked};

    #[test]
    fn every_peer_has_a_version() {
        for name in CRATES {
            let version = locked(name).unwrap_or_else(|| panic!("{name} is not in Cargo.lock"));
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name} {version}");
        }
        assert_eq!(locked("no-such-crate"), None);
    }
}
