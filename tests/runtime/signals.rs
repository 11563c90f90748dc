//! Signals taken over before the start, and kept beyond the shutdown, by one runtime of the process. The only test here that takes them.

use super::house::{Count, Events, SOON, config, eventually, runtime, slot};
use rustix::process::{Signal, getpid, kill_process};
use tagring::runtime::{Deadline, Runtime, StopReason, Waited};

fn with_signals() -> Runtime {
    let mut config = config(64, &[("s", slot())]);
    config.runtime.signals = true;
    let runtime = runtime(config);
    runtime.bus::<Events>("md").unwrap().attach("s", Count::default()).unwrap();
    runtime
}

#[test]
fn issue_4555_signals_are_taken_before_the_start_by_one_runtime_and_kept_as_long_as_wanted() {
    let plain = runtime(config(64, &[]));
    assert!(plain.take_signals().unwrap().is_none(), "it is not configured to");
    let (one, other) = (with_signals(), with_signals());
    let signals = one.take_signals().unwrap();
    assert!(signals.is_some() && one.take_signals().unwrap().is_none(), "they are taken once");
    assert_eq!(other.take_signals().map(|_| ()).unwrap_err().code(), "TR-0824");
    let stop = one.stop_handle();
    assert_eq!(stop.reason(), None);
    kill_process(getpid(), Signal::TERM).unwrap();
    let came = Some(StopReason::Signal(15));
    eventually("it came, although nothing has started", || stop.reason() == came);
    let running = one.start().unwrap();
    assert_eq!(running.wait(None), Waited::ToStop(StopReason::Signal(15)));
    let report = running.shutdown(Deadline::after(SOON));
    assert!(report.is_clean() && report.reason == came, "{report}");
    // The runtime is gone, and its signals are not.
    let failure = other.start().map(|_| ()).unwrap_err();
    assert!(failure.to_string().contains("TR-0824"), "{failure}");
    drop(signals);
    let next = with_signals();
    assert!(next.take_signals().unwrap().is_some());
    assert!(next.start().unwrap().shutdown(Deadline::after(SOON)).is_clean(), "the start takes them itself");
}

#[test]
fn a_shutdown_is_no_reason_to_stop_and_a_call_is_one() {
    let runtime = runtime(config(64, &[]));
    runtime.bus::<Events>("md").unwrap();
    let stop = runtime.stop_handle();
    let report = runtime.start().unwrap().shutdown(Deadline::after(SOON));
    assert!(stop.is_stopping() && stop.reason().is_none() && report.reason.is_none());
    stop.stop();
    assert_eq!(stop.reason(), Some(StopReason::Asked));
}
