//! The library's own dependencies stay few.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates that the library may pull, itself not counted, procedural macros included.
const CRATES_BELOW: usize = 25;

#[test]
fn the_library_alone_pulls_few_crates() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-e", "normal", "-p", "tagring", "--no-default-features", "--prefix", "none", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8_lossy(&tree.stdout);
    let crates: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("tagring") && crates.len() > 5, "the tree was read: {crates:?}");
    assert!(crates.len() - 1 < CRATES_BELOW, "{} crates: {crates:?}", crates.len() - 1);
}
