//! Names as one reads them: demangled, types without their modules. perf's own demangling leaves out what tells one slot from another.

/// Functions between a thread's start and its code, and around a caught panic: they say nothing.
const PLUMBING: [&str; 3] = ["catch_unwind", "do_call", "call_once"];
/// Where std calls a thread's code, which is named behind it.
const BEGIN: &str = "__rust_begin_short_backtrace";

/// The frame as it is to stand in a stack; `None` for one that is left out.
pub(crate) fn frame(raw: &str, kernel: bool) -> Option<String> {
    let (raw, inlined) = match raw.strip_suffix(" (inlined)") {
        Some(raw) => (raw, true),
        None => (raw, false),
    };
    let name = short(&format!("{:#}", rustc_demangle::demangle(raw)));
    if is_plumbing(&name) {
        return None;
    }
    let name = thread_code(&name).unwrap_or(name);
    let name = inherent(&name);
    // Semicolons and blanks separate frames and counts in folded stacks.
    let name = name.replace(';', ":");
    Some(match (kernel, inlined) {
        (true, _) => name + "_[k]",
        (false, true) => name + "_[i]",
        (false, false) => name,
    })
}

fn is_plumbing(name: &str) -> bool {
    let bare = name.split('<').next().unwrap_or_default();
    let calls = bare.rsplit("::").find(|part| !part.is_empty()).unwrap_or_default();
    PLUMBING.contains(&calls) || name.contains("FnOnce") && name.contains("::call_once") || name == "{closure#0}"
}

/// `..__rust_begin_short_backtrace::<Builder::start::{closure#1}, ()>`: what is begun.
fn thread_code(name: &str) -> Option<String> {
    let (_, begun) = name.split_once(BEGIN)?;
    let (code, _) = begun.trim_start_matches("::").strip_prefix('<')?.rsplit_once(',')?;
    Some(format!("thread {code}"))
}

/// Takes the modules away from paths inside of angle brackets: `<a::b::Slot<c::Events> as d::RunSlot>::turn` is
/// `<Slot<Events> as RunSlot>::turn`. Paths outside of them stay whole.
fn short(name: &str) -> String {
    let (mut out, mut depth, mut path_at) = (String::with_capacity(name.len()), 0_usize, 0);
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '<' => depth += 1,
            '>' if !out.ends_with('-') => depth = depth.saturating_sub(1),
            ':' if chars.peek() == Some(&':') && depth > 0 && is_module(&out, path_at) => {
                chars.next();
                out.truncate(path_at);
                continue;
            }
            _ => {}
        }
        out.push(c);
        if !(c.is_alphanumeric() || matches!(c, '_' | '{' | '}' | '#')) {
            path_at = out.len();
        }
    }
    out
}

/// `<Engine>::rest` is `Engine::rest`; what has a trait stays as it is.
fn inherent(name: &str) -> String {
    match name.strip_prefix('<').and_then(|rest| rest.split_once(">::")) {
        Some((owner, method)) if !owner.contains(['<', ' ']) => format!("{owner}::{method}"),
        _ => name.into(),
    }
}

/// Whether what was written since `path_at` is a module: neither empty nor the function behind a type.
fn is_module(out: &str, path_at: usize) -> bool {
    path_at < out.len() && !out[..path_at].ends_with("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_told_apart_by_its_handler() {
        let v0 = "<tagring::bus::slot::Slot<market::Events, tagring::run::books::Books> as tagring::bus::slot::RunSlot>::turn";
        assert_eq!(frame(v0, false).unwrap(), "<Slot<Events, Books> as RunSlot>::turn");
        assert_eq!(frame("tagring::run::source::feed_itch", false).unwrap(), "tagring::run::source::feed_itch");
        assert_eq!(
            frame("_ZN7tagring3bus6thread4Host3run17h0123456789abcdefE", false).unwrap(),
            "tagring::bus::thread::Host::run"
        );
        assert_eq!(
            frame("groups_timed<a::b::Books, c::EventCell<7>> (inlined)", false).unwrap(),
            "groups_timed<Books, EventCell<7>>_[i]"
        );
        assert_eq!(frame("<tagring_market::exchange::engine::Engine>::rest", false).unwrap(), "Engine::rest");
        assert_eq!(frame("schedule", true).unwrap(), "schedule_[k]");
    }

    #[test]
    fn plumbing_is_left_out() {
        for name in [
            "do_call<core::panic::unwind_safe::AssertUnwindSafe<a::b>, usize> (inlined)",
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "<std::thread::spawn_unchecked<a::b, ()>::{closure#1} as core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}",
            "<alloc::boxed::Box<dyn core::ops::function::FnOnce<()>> as core::ops::function::FnOnce<()>>::call_once (inlined)",
        ] {
            assert_eq!(frame(name, false), None, "{name}");
        }
        let begun = "std::sys::backtrace::__rust_begin_short_backtrace::<<a::Builder>::start::{closure#1}, ()>";
        assert_eq!(frame(begun, false).unwrap(), "thread <Builder>::start::{closure#1}");
    }
}
