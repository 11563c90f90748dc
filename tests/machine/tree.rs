//! A made-up tree of `sys` and `proc` in a folder of its own, removed at the end.

use std::fs;
use std::path::{Path, PathBuf};

/// The tree.
pub(crate) struct Tree(PathBuf);

impl Tree {
    /// An empty tree.
    pub(crate) fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("tagring-machine-{}-{name}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn put(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Its root.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
