//! What the program says beside its report.

use std::io::Write as _;

/// Says something on standard error, which may be closed.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "tagring: {text}");
}
