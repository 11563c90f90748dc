//! What a load comes to in one sentence, and the exit code that goes with it.

use super::baseline::wait_at;
use super::objective::{Failure, Objective};
use super::quantity::{shown_ns, shown_rate};
use super::search::{Found, Tried};
use tagring::counters::HistogramSnapshot;

/// What was asked of a load, and what it came to.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// Nothing was asked.
    None,
    /// `--assert`.
    Asserted { objectives: Vec<Objective>, rate: f64, result: Result<(), Failure> },
    /// `--assert`, and somebody ended the load early: nothing is judged.
    Interrupted { objectives: Vec<Objective> },
    /// `--search`; nothing is found where it ended before its first trial.
    Searched { objectives: Vec<Objective>, found: Option<Found>, why: Option<Failure>, most: f64, is_complete: bool },
}

impl Verdict {
    /// Whether what was asked holds.
    pub(super) fn is_held(&self) -> bool {
        match self {
            Self::None => true,
            Self::Asserted { result, .. } => result.is_ok(),
            Self::Interrupted { .. } => false,
            // A search that was ended early has not confirmed what it found.
            Self::Searched { found, is_complete, .. } => *is_complete && matches!(found, Some(Found::Rate { .. })),
        }
    }

    pub(super) fn objectives(&self) -> &[Objective] {
        match self {
            Self::None => &[],
            Self::Asserted { objectives, .. }
            | Self::Interrupted { objectives }
            | Self::Searched { objectives, .. } => objectives,
        }
    }

    /// The verdict in words; empty where nothing was asked.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Interrupted { objectives } => {
                format!("{} was not judged: the load was ended early", all(objectives))
            }
            Self::Asserted { objectives, rate, result: Ok(()) } => {
                format!("{} holds at {} events/s", all(objectives), shown_rate(*rate))
            }
            Self::Asserted { objectives, rate, result: Err(failure) } => {
                format!("{} does not hold at {} events/s: {failure}", all(objectives), shown_rate(*rate))
            }
            Self::Searched { objectives, found, why, most, is_complete } => {
                let early = if *is_complete { "" } else { "; the search was ended early" };
                searched(&all(objectives), *found, why.as_ref(), *most) + early
            }
        }
    }

    /// What the machine itself allows, in words, a line for each objective.
    pub(super) fn baseline(&self, gaps: &HistogramSnapshot) -> Vec<String> {
        let one = |objective: &Objective| {
            let wait = wait_at(gaps, objective.q);
            let alone =
                format!("the clock alone, on the slots' core, waits {} at {}", shown_ns(wait), objective.percentile);
            if u128::from(wait) < objective.limit.as_nanos() {
                return alone;
            }
            format!(
                "{alone}: no rate holds {} on this machine as it is now",
                shown_ns(objective.limit.as_nanos() as u64)
            )
        };
        let mut lines: Vec<String> = self.objectives().iter().map(one).collect();
        lines.dedup();
        lines
    }
}

fn all(objectives: &[Objective]) -> String {
    objectives.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn searched(asked: &str, found: Option<Found>, why: Option<&Failure>, most: f64) -> String {
    let because = why.map(|why| format!(" {why}")).unwrap_or_default();
    let trials = |tried: Tried| format!("held in {} of {} trials", tried.held, tried.held + tried.failed);
    match found {
        None => format!("no trial of {asked} was made"),
        Some(Found::Rate { best, failed }) => {
            let end = match failed {
                Some(failed) => format!("{} failed:{because}", shown_rate(failed.rate)),
                None if best.rate < most => "no rate failed".to_owned(),
                None => "none higher was to be tried".to_owned(),
            };
            format!("highest rate that holds {asked}: {} events/s ({}; {end})", shown_rate(best.rate), trials(best))
        }
        Some(Found::Nothing { least }) => {
            format!("no rate holds {asked}: the lowest tried, {} events/s, failed:{because}", shown_rate(least.rate))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagring::counters::Histogram;

    fn objectives() -> Vec<Objective> {
        vec!["p99.9 < 50us".parse().unwrap()]
    }

    fn failure() -> Failure {
        Failure::Percentile { slot: "md.book".into(), percentile: "p99.9".into(), ns: 81_000, limit_ns: 50_000 }
    }

    fn after(found: Option<Found>, is_complete: bool) -> Verdict {
        Verdict::Searched { objectives: objectives(), found, why: Some(failure()), most: 1e8, is_complete }
    }

    #[test]
    fn issue_4595_the_verdict_is_the_highest_rate_that_holds() {
        let best = Tried { rate: 1.23e6, held: 3, failed: 0 };
        let failed = Some(Tried { rate: 1.29e6, held: 0, failed: 2 });
        let verdict = after(Some(Found::Rate { best, failed }), true);
        let expected = "highest rate that holds p99.9 < 50.0 us on every slot: 1.23 M events/s (held in 3 of 3 trials; 1.29 M failed: \
                        md.book p99.9 81.0 us)";
        assert_eq!((verdict.sentence().as_str(), verdict.is_held()), (expected, true));
        let early = after(Some(Found::Rate { best, failed: None }), false);
        assert!(!early.is_held(), "what was found is not confirmed");
        let early = early.sentence();
        assert!(early.ends_with("(held in 3 of 3 trials; no rate failed); the search was ended early"), "{early}");
        let highest = Tried { rate: 1e8, ..best };
        assert!(
            after(Some(Found::Rate { best: highest, failed: None }), true)
                .sentence()
                .contains("none higher was to be tried")
        );
        let nothing = after(Some(Found::Nothing { least: Tried { rate: 10.0, held: 0, failed: 2 } }), true);
        assert!(!nothing.is_held());
        assert_eq!(
            nothing.sentence(),
            "no rate holds p99.9 < 50.0 us on every slot: the lowest tried, 10 events/s, failed: md.book p99.9 81.0 us"
        );
        assert!(!after(None, false).is_held());
    }

    #[test]
    fn issue_4595_an_assertion_says_at_which_rate() {
        let asserted = |result| Verdict::Asserted { objectives: objectives(), rate: 5e5, result };
        assert_eq!(asserted(Ok(())).sentence(), "p99.9 < 50.0 us on every slot holds at 500 k events/s");
        let failed = asserted(Err(failure()));
        assert!(
            !failed.is_held() && failed.sentence().ends_with("does not hold at 500 k events/s: md.book p99.9 81.0 us")
        );
        assert!(Verdict::None.is_held() && Verdict::None.sentence().is_empty());
        let early = Verdict::Interrupted { objectives: objectives() };
        assert!(!early.is_held() && early.sentence().ends_with(" was not judged: the load was ended early"));
    }

    #[test]
    fn issue_4595_a_percentile_beyond_the_machine_is_said_to_be_that() {
        let (mut writer, reader) = Histogram::new();
        writer.record_n(20, 1_000_000);
        let quiet = reader.snapshot();
        writer.record_n(2_000_000, 10);
        let stolen = reader.snapshot();
        let verdict = after(None, true);
        assert_eq!(verdict.baseline(&quiet), ["the clock alone, on the slots' core, waits 19 ns at p99.9"]);
        assert!(verdict.baseline(&stolen)[0].ends_with("no rate holds 50.0 us on this machine as it is now"));
        assert!(Verdict::None.baseline(&stolen).is_empty());
    }
}
