//! Small files of the kernel below a root: `/` in earnest, a made-up tree in tests. Whatever cannot be read is `None`.

use super::core_list;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// More of one file than this is not read: `/proc/stat` of the largest machines is below it.
const BYTES_MAX: u64 = 4 << 20;

/// Files below a root.
#[derive(Clone, Debug)]
pub(super) struct KernelFiles {
    root: PathBuf,
}

impl KernelFiles {
    pub(super) fn below(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The text of a file, without white space around it.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let mut bytes = Vec::new();
        File::open(self.root.join(path)).ok()?.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The number a file holds and nothing else.
    pub(super) fn number(&self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// The cores that a file lists. An empty list is one.
    pub(super) fn cores(&self, path: &str) -> Option<Vec<usize>> {
        self.text(path).map(|text| core_list::parse(&text))
    }

    /// The value behind `key:` in a file of such lines.
    pub(super) fn field(&self, path: &str, key: &str) -> Option<String> {
        let text = self.text(path)?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?;
        Some(value.trim().to_owned())
    }

    /// The numbers n of the entries `PREFIXn` of a folder, ascending.
    pub(super) fn numbered(&self, folder: &str, prefix: &str) -> Vec<usize> {
        let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut numbers: Vec<usize> = names.filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }
}
