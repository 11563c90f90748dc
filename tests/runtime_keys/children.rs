//! Tests that change their whole process run in a child: this program again, with one test.

use std::process::{Command, Output};

/// Set in the child.
const CHILD: &str = "TAGRING_KEYS_CHILD";
/// Gives the rest of a command line the privileges of an ordinary user, where the system has the means.
const DROP: &str = "setpriv --bounding-set=-sys_nice,-ipc_lock";

pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs `test` in a child, after `limits` in a shell, without the privileges that would make limits void.
pub(crate) fn child(test: &str, limits: &str) -> Output {
    let run = format!("\"$0\" --exact {test} --nocapture --test-threads=1");
    let script = format!("{limits} if {DROP} true 2>/dev/null; then exec {DROP} {run}; else exec {run}; fi");
    let program = std::env::current_exe().unwrap();
    Command::new("sh").arg("-c").arg(script).arg(program).env(CHILD, "1").output().unwrap()
}

/// Whether this is the child. Where it is not, the child has run and passed.
pub(crate) fn in_child(test: &str, limits: &str) -> bool {
    if is_child() {
        return true;
    }
    let output = child(test, limits);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

/// Whether this is the child, which is to abort. Where it is not, it has, and said why.
pub(crate) fn aborts_in_child(test: &str, why: &str) -> bool {
    use std::os::unix::process::ExitStatusExt;
    if is_child() {
        return true;
    }
    let output = child(test, "ulimit -c 0;");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "{said}");
    assert!(said.contains(why), "it says why: {said}");
    false
}
