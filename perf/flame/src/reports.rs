//! Two reports of `tagring run --json`: their rates and percentiles side by side.

use crate::failure::Failure;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// A change of less is within what two runs of the same program differ by, on a quiet machine.
const NOISE_PERCENT: f64 = 10.0;

/// Compares two files.
///
/// # Errors
/// [`Failure`].
pub(crate) fn compare(before: &Path, after: &Path) -> Result<String, Failure> {
    let (first, second) = (report(before)?, report(after)?);
    let (a, b) = (figures(&first), figures(&second));
    let mut out = format!("{:<28} {:>14} {:>14} {:>9}\n", "", "first", "second", "change");
    for (name, x) in &a {
        let Some((_, y)) = b.iter().find(|(other, _)| other == name) else { continue };
        let change = if *x == 0.0 { 0.0 } else { (y - x) * 100.0 / x };
        let mark = if change.abs() > NOISE_PERCENT { '*' } else { ' ' };
        let _ = writeln!(out, "{name:<28} {x:>14.0} {y:>14.0} {change:>+7.1} %{mark}");
    }
    let missing: Vec<&str> = only_in(&a, &b).chain(only_in(&b, &a)).collect();
    if !missing.is_empty() {
        let _ = writeln!(out, "In one of the two alone: {}.", missing.join(", "));
    }
    let _ = writeln!(
        out,
        "Times in ns. `*`: more than {NOISE_PERCENT:.0} %. One pair of runs says little of p99.9 and max: take five of each, in turns, and\n\
         compare medians. Where the row `platform jitter` has changed as much, the machine has changed and not the program."
    );
    Ok(out)
}

fn report(path: &Path) -> Result<Value, Failure> {
    let not = |why: String| Failure::NotComparable { path: path.into(), why };
    let text = std::fs::read_to_string(path).map_err(|cause| not(cause.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|cause| not(format!("is no JSON: {cause}")))?;
    if value["slots"].is_array() { Ok(value) } else { Err(not("is no report: it has no list `slots`".into())) }
}

type Figures = Vec<(String, f64)>;

fn only_in<'a>(these: &'a Figures, those: &'a Figures) -> impl Iterator<Item = &'a str> {
    let missing = |name: &str| those.iter().all(|(other, _)| other != name);
    these.iter().map(|(name, _)| name.as_str()).filter(move |name| missing(name))
}

/// All that is compared, by name.
fn figures(report: &Value) -> Figures {
    let mut figures = Vec::new();
    if let Some(rate) = report["events_per_s"].as_f64() {
        figures.push(("events per second".into(), rate));
    }
    for slot in report["slots"].as_array().into_iter().flatten() {
        let name = slot["name"].as_str().unwrap_or("?");
        for time in ["hop", "service", "age"] {
            quantiles(&mut figures, &format!("{name} {time}"), &slot[format!("{time}_ns")]);
        }
    }
    quantiles(&mut figures, "platform jitter", &report["jitter_ns"]);
    figures
}

/// Every number of a distribution but how many there were.
fn quantiles(figures: &mut Figures, name: &str, distribution: &Value) {
    let mut all: Vec<_> = distribution.as_object().into_iter().flatten().collect();
    // p50, p99, p999, then what is no quantile.
    all.sort_by_key(|(quantile, _)| (!quantile.starts_with('p'), quantile.as_str()));
    for (quantile, value) in all {
        if let (Some(value), false) = (value.as_f64(), quantile == "count") {
            figures.push((format!("{name} {quantile}"), value));
        }
    }
}
