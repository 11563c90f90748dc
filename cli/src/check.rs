//! `tagring check`: reads configurations as a runtime would, names every mistake, and starts nothing.

use crate::args::{Args, CheckArgs};
use crate::say::{list, print, say};
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tagring::runtime::Plan;
use tagring::runtime::config::{Config, Mistake, Mistakes, Origin};
use tagring::runtime::machine::Topology;

/// Exit code for mistakes and bad arguments.
const MISTAKEN: u8 = 2;

/// Checks all files; a mistake in one hides none in another.
pub(crate) fn main(args: &CheckArgs) -> ExitCode {
    if args.effective && args.files.len() > 1 {
        Args::command().error(ErrorKind::TooManyValues, "--effective takes one file").exit();
    }
    let (text, is_good) = if args.schema { (Config::json_schema(), true) } else { checked(args) };
    if let Err(message) = print(&text) {
        say(&message);
        return ExitCode::from(MISTAKEN);
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(MISTAKEN) }
}

/// What goes to standard output, and whether all is well. Mistakes are named on standard error, or in the JSON object.
fn checked(args: &CheckArgs) -> (String, bool) {
    let results: Vec<_> = args.files.iter().map(|file| (file, load(file, args))).collect();
    let is_good = results.iter().all(|(_, result)| result.is_ok());
    if args.json {
        return (as_json(&results), is_good);
    }
    let mut text = String::new();
    for (file, result) in results {
        match result {
            Ok(config) if args.effective => text.push_str(&config.to_toml()),
            Ok(config) => text.push_str(&format!("{}: {}; ok\n", shown(file), summary(&config))),
            Err(mistakes) => mistakes.iter().for_each(|mistake| list(&mistake.to_string())),
        }
    }
    (text, is_good)
}

fn load(file: &Path, args: &CheckArgs) -> Result<Config, Mistakes> {
    let machine = Topology::read();
    let loader = Config::loader().file(file).also(move |config| Plan::mistakes(config, &machine));
    if args.no_env { loader.load() } else { loader.environment().load() }
}

/// What there is, in one line.
fn summary(config: &Config) -> String {
    let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let slots = config.buses.values().map(|bus| bus.slots.len()).sum();
    [
        count(config.buses.len(), "bus", "buses"),
        count(slots, "slot", "slots"),
        count(config.threads.len(), "thread", "threads"),
        count(config.feeds.len(), "feed", "feeds"),
    ]
    .join(", ")
}

/// A path for a terminal: what one would obey is shown as a mark.
fn shown(file: &Path) -> String {
    file.display().to_string().replace(char::is_control, "\u{fffd}")
}

fn as_json(results: &[(&PathBuf, Result<Config, Mistakes>)]) -> String {
    let of_file = |(file, result): &(&PathBuf, Result<Config, Mistakes>)| {
        let mistakes = result.as_ref().err();
        json!({
            "file": file.display().to_string(),
            "ok": result.is_ok(),
            "summary": result.as_ref().ok().map(summary),
            "mistakes": mistakes.into_iter().flatten().map(mistake).collect::<Vec<_>>(),
        })
    };
    let is_good = results.iter().all(|(_, result)| result.is_ok());
    let report = json!({ "ok": is_good, "files": results.iter().map(of_file).collect::<Vec<_>>() });
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

/// A mistake as an object; what it does not have is null.
fn mistake(mistake: &Mistake) -> Value {
    let (file, line, column, variable) = match &mistake.origin {
        Origin::File { file, line, column } => (Some(file), Some(line), Some(column), None),
        Origin::Variable { name } => (None, None, None, Some(name)),
        _ => (None, None, None, None),
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "code": mistake.code,
        "path": some(&mistake.path),
        "file": file,
        "line": line,
        "column": column,
        "variable": variable,
        "value": some(&mistake.value),
        "what": mistake.what,
        "allowed": some(&mistake.allowed),
        "remedy": some(&mistake.remedy),
        "message": mistake.to_string(),
    })
}
