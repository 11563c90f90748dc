//! Degradation: a worse mode needs no less to come about, and keeps nothing that a better one leaves out.

use super::references::twice;
use crate::guard::Mode;
use crate::runtime::config::mistake::{Mistake, key_path, quoted};
use crate::runtime::config::{Config, DegradationConfig, ModeConfig};

/// A measure of a mode by its key.
type Measure = (&'static str, fn(&ModeConfig) -> u64);
const MEASURES: [Measure; 3] = [
    ("lag_events", |mode| mode.lag_events),
    ("age_ms", |mode| mode.age_ms),
    ("memory_bytes", |mode| mode.memory_bytes),
];

pub(super) fn check(config: &Config, found: &mut Vec<Mistake>) {
    for (name, bus) in config.buses.iter().filter(|(_, bus)| bus.degradation.is_on()) {
        let at = |mode: Mode, key: &str| key_path(&["buses", name, "degradation", mode.name(), key]);
        rising(&bus.degradation, &at, found);
        nested(&bus.degradation, &at, found);
    }
}

fn rising(degradation: &DegradationConfig, at: &impl Fn(Mode, &str) -> String, found: &mut Vec<Mistake>) {
    for (key, of) in MEASURES {
        let mut before: Option<(Mode, u64)> = None;
        for (mode, config) in degradation.modes().into_iter().filter(|(_, config)| of(config) > 0) {
            let value = of(config);
            if let Some((better, least)) = before.filter(|(_, least)| value < *least) {
                let what = format!("below {better}.{key}, which is {least}");
                let mistake = Mistake::new("TR-0743", at(mode, key), value, what);
                found.push(mistake.allowed(format!("0, or {least} or more")).remedy("raise it, or lower the other"));
            }
            before = Some((mode, value));
        }
    }
}

fn nested(degradation: &DegradationConfig, at: &impl Fn(Mode, &str) -> String, found: &mut Vec<Mistake>) {
    let mut before: Option<(Mode, &[String])> = None;
    for (mode, config) in degradation.modes().into_iter().filter(|(_, config)| !config.keep.is_empty()) {
        let path = at(mode, "keep");
        twice(&path, config.keep.iter().map(|tag| quoted(tag)), found);
        if let Some((better, kept)) = before {
            for (index, tag) in config.keep.iter().enumerate().filter(|(_, tag)| !kept.contains(tag)) {
                let what = format!("not in {better}.keep: it is left out before");
                let mistake = Mistake::new("TR-0932", format!("{path}[{index}]"), quoted(tag), what);
                found
                    .push(mistake.allowed(kept.join(", ")).remedy(format!("leave it out, or add it to {better}.keep")));
            }
        }
        before = Some((mode, &config.keep));
    }
}
