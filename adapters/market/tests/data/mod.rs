//! Where the real captures lie: beside the checkout, or where `TAGRING_DATA` says. They are no part of the project, so a test that
//! wants them is skipped, by name, where they are not.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of that name, or `None`, in which case `test` is reported as skipped.
pub(crate) fn folder(name: &str, test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("TAGRING_DATA").map_or(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let line = format!("skipped: {test}: no data at {}", folder.display());
    eprintln!("{line}");
    if let Some(skips) = std::env::var_os("TAGRING_SKIPS") {
        let mut file =
            std::fs::OpenOptions::new().append(true).create(true).open(skips).expect("the list of skips opens");
        writeln!(file, "{line}").expect("the list of skips is written");
    }
    None
}
