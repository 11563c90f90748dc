//! What must not compile, does not, and says why in words. Each file in `tests/ui` is a program of its own; its first line holds the
//! phrase that the compiler's message must contain, or says that the program compiles.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program and what the compiler is to say about it; `None`: nothing.
struct Case {
    name: String,
    path: PathBuf,
    phrase: Option<String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| case(entry.unwrap().path())).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn case(path: PathBuf) -> Case {
    let source = fs::read_to_string(&path).unwrap();
    let first = source.lines().next().unwrap();
    let phrase = first.strip_prefix("//~ error: ").map(str::to_owned);
    assert!(phrase.is_some() || first == "//~ ok", "{}: open with `//~ error: phrase` or `//~ ok`", path.display());
    Case { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), path, phrase }
}

/// A crate outside the workspace with one program for each case, below the target folder.
fn write_crate(cases: &[Case]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    fs::create_dir_all(&folder).unwrap();
    let mut manifest = format!(
        "[workspace]\n[package]\nname = \"tagring-ui\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\ntagring = {{ path = {root:?} }}\n[profile.dev]\ndebug = false\n"
    );
    for Case { name, path, .. } in cases {
        write!(manifest, "[[bin]]\nname = {name:?}\npath = {path:?}\n").unwrap();
    }
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

/// The compiler's messages, one JSON object a line. `build`, not `check`: what is refused at a call of a generic function is refused
/// when code is made for it.
fn compile(folder: &Path) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("ui");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--bins", "--keep-going", "--message-format=json"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(folder)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let messages = String::from_utf8(output.stdout).unwrap();
    assert!(messages.contains("\"reason\""), "nothing was built: {}", String::from_utf8_lossy(&output.stderr));
    messages
}

/// What the compiler made of a case: its errors, or that it built.
fn verdict(case: &Case, messages: &str) -> Result<(), String> {
    let source = format!("ui/{}.rs\"", case.name);
    let of_case = |reason: &str| {
        let reason = format!("\"reason\":\"{reason}\"");
        messages.lines().filter(|line| line.contains(&source) && line.contains(&reason)).collect::<Vec<_>>()
    };
    let mut errors = of_case("compiler-message");
    errors.retain(|line| line.contains("\"level\":\"error\""));
    let built = !of_case("compiler-artifact").is_empty();
    match &case.phrase {
        None if built => Ok(()),
        None => Err(format!("{} does not build:\n{}", case.name, errors.join("\n"))),
        Some(_) if built => Err(format!("{} compiles", case.name)),
        Some(phrase) if errors.iter().any(|line| line.contains(&phrase.replace('"', "\\\""))) => Ok(()),
        Some(phrase) => Err(format!("{}: no error says \"{phrase}\":\n{}", case.name, errors.join("\n"))),
    }
}

#[test]
fn issue_4577_what_must_not_compile_does_not_and_says_why() {
    let cases = cases();
    assert!(cases.len() > 20 && cases.iter().any(|case| case.phrase.is_none()), "the cases and a control are there");
    let messages = compile(&write_crate(&cases));
    let wrong: Vec<String> = cases.iter().filter_map(|case| verdict(case, &messages).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
