//! Every error code in the sources stands in `docs/errors.md`, and every one there in the sources.

use std::collections::BTreeSet;
use std::path::Path;

fn codes(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("TR-").map(|(at, _)| &text[at..]);
    starts
        .filter_map(|rest| rest.get(..7))
        .filter(|code| code[3..].bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

fn codes_under(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(codes_under(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(codes(&std::fs::read_to_string(path).unwrap()));
        }
    }
    found
}

#[test]
fn the_page_of_error_codes_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: BTreeSet<_> =
        ["src", "cli/src", "adapters/market/src"].iter().flat_map(|folder| codes_under(&root.join(folder))).collect();
    let page = codes(&std::fs::read_to_string(root.join("docs/errors.md")).unwrap());
    assert!(sources.len() > 40);
    assert_eq!(sources.difference(&page).collect::<Vec<_>>(), Vec::<&String>::new(), "missing on the page");
    assert_eq!(page.difference(&sources).collect::<Vec<_>>(), Vec::<&String>::new(), "in no source");
}
