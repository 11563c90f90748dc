//! What is recorded, by level and target: `tracing-subscriber`'s targets, and their form as people write it. A word that is no level is refused
//! rather than taken for a target: a misspelt level would turn all else off.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// Reads `info,market::book=debug`.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(given: &str) -> Result<Targets, String> {
    for part in given.split(',').map(str::trim) {
        if part.is_empty() {
            return Err("it is empty, or has a comma too many".into());
        }
        if !part.contains('=') && part.parse::<LevelFilter>().is_err() {
            let part = part.escape_default();
            return Err(format!("`{part}` is no level (a target that is to be recorded in full is `{part}=trace`)"));
        }
    }
    given.parse().map_err(|error: tracing_subscriber::filter::ParseError| error.to_string())
}

/// What `log::set_max_level` is to be told.
pub(crate) fn max_level(filter: &Targets) -> log::LevelFilter {
    let all = filter.iter().map(|(_, level)| level).chain(filter.default_level());
    match all.max().unwrap_or(LevelFilter::OFF).into_level() {
        None => log::LevelFilter::Off,
        Some(tracing::Level::ERROR) => log::LevelFilter::Error,
        Some(tracing::Level::WARN) => log::LevelFilter::Warn,
        Some(tracing::Level::INFO) => log::LevelFilter::Info,
        Some(tracing::Level::DEBUG) => log::LevelFilter::Debug,
        Some(_) => log::LevelFilter::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4583_what_is_no_filter_is_refused() {
        for given in ["", "info,", ",", "inof", "info,book", "book=loud", "a=b=c", "  "] {
            assert!(parse(given).is_err(), "{given}");
        }
        assert!(parse("inof").unwrap_err().contains("`inof` is no level"));
    }

    #[test]
    fn the_lowest_level_of_a_filter_is_what_the_other_crate_is_told() {
        use log::LevelFilter::*;
        let table =
            [("off", Off), ("ERROR", Error), ("warn,a=info", Info), ("off,a::b=debug", Debug), ("trace,a=off", Trace)];
        table.iter().for_each(|(given, level)| assert_eq!(max_level(&parse(given).unwrap()), *level, "{given}"));
    }
}
