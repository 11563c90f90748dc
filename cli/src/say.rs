//! What the program says beside its report, and how its results get out.

use std::io::{self, Write as _};

/// Says something on standard error, which may be closed.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "tagring: {text}");
}

/// Says a line of a list on standard error. Nothing stands before it: editors look for `FILE:LINE:` at its beginning.
pub(crate) fn list(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes results to standard output.
///
/// # Errors
/// It takes no more. A reader that has gone away is not our error.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("TR-3006: the report cannot be written to standard output: {error}"))
        }
        _ => Ok(()),
    }
}
