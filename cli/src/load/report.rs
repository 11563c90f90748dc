//! What a load came to, as data and as one JSON object.

use super::baseline::wait_at;
use super::graph::{PortPlan, Role, SlotPlan};
use super::objective::Failure;
use super::port::PortTally;
use super::sample::{Five, Interval, Intervals, PERCENTILES, Sample};
use super::search::Found;
use super::session::Stage;
use super::verdict::Verdict;
use serde_json::{Map, Value, json};
use tagring::counters::HistogramSnapshot;
use tagring::runtime::ShutdownReport;

pub(super) struct Report {
    /// The file, or that it is built in.
    pub(super) graph: String,
    /// In words: rate, arrivals, seed.
    pub(super) load: String,
    pub(super) clock: String,
    pub(super) cores: String,
    /// Asked for, events a second; `None` for a search.
    pub(super) rate: Option<f64>,
    /// Those that started.
    pub(super) slots: Vec<SlotPlan>,
    /// What was measured: the load itself, or no single stage for a search.
    pub(super) stage: Option<Stage>,
    pub(super) intervals: Intervals,
    pub(super) trials: Vec<Trial>,
    pub(super) verdict: Verdict,
    /// Gaps of a loop that only reads the clock, in ns.
    pub(super) gaps: HistogramSnapshot,
    /// Everything from the start to the end, warm-up included.
    pub(super) all: Sample,
    pub(super) ports: Vec<(PortPlan, PortTally)>,
    pub(super) shutdown: ShutdownReport,
    /// What did not end as it should.
    pub(super) unclean: Vec<String>,
    pub(super) notices: Vec<String>,
    pub(super) is_interrupted: bool,
}

/// One trial of a search.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) rate: f64,
    pub(super) achieved: f64,
    pub(super) result: Result<(), Failure>,
    /// Due to done, by slot.
    pub(super) done: Vec<HistogramSnapshot>,
}

impl Report {
    pub(super) fn as_json(&self) -> String {
        format!("{}\n", self.object())
    }

    fn object(&self) -> Value {
        json!({
            "graph": self.graph,
            "load": self.load,
            "clock": self.clock,
            "cores": self.cores,
            "rate": self.rate,
            "interrupted": self.is_interrupted,
            "measured": self.stage.as_ref().map(|stage| self.measured(stage)),
            "intervals": self.intervals.all().iter().map(|one| self.interval(one)).collect::<Vec<_>>(),
            "trials": self.trials.iter().map(|trial| self.trial(trial)).collect::<Vec<_>>(),
            "verdict": self.verdict(),
            "platform": {
                "gap_ns": Value::Object(five(&Five::of(&self.gaps))),
                "wait_ns": Value::Object(PERCENTILES.map(|(name, q)| (name.to_owned(), wait_at(&self.gaps, q).into())).into_iter().collect()),
            },
            "account": self.account(),
            "shutdown": { "clean": self.unclean.is_empty(), "unclean": self.unclean },
            "notices": self.notices,
        })
    }

    fn measured(&self, stage: &Stage) -> Value {
        let (before, after) = (&stage.before, &stage.after);
        let whole = Interval::between(before, after, 0.0);
        let mut object = self.interval(&whole);
        let late = [("own", after.late_own.since(&before.late_own)), ("bus", after.late_bus.since(&before.late_bus))];
        object["asked_per_s"] = json!(stage.seen.asked);
        object["achieved_per_s"] = json!(stage.seen.achieved);
        object["late_ns"] = Value::Object(
            late.map(|(who, late)| (who.to_owned(), Value::Object(five(&Five::of(&late))))).into_iter().collect(),
        );
        object["left"] = json!(stage.seen.left);
        object
    }

    fn interval(&self, one: &Interval) -> Value {
        let slot = |(plan, slot): (&SlotPlan, &super::sample::SlotInterval)| {
            json!({
                "slot": plan.full_name(),
                "service": plan.service.to_string(),
                "events": slot.count,
                "done_ns": five(&slot.done),
                "hop_ns": five(&slot.hop),
                "service_ns": five(&slot.service),
                "dead": slot.dead,
                "lag": slot.lag,
                "state": slot.state.to_string(),
            })
        };
        json!({
            "from_s": one.from.as_secs_f64(),
            "to_s": one.to.as_secs_f64(),
            "asked_per_s": one.asked / one.seconds(),
            "achieved_per_s": one.generated as f64 / one.seconds(),
            "generated": one.generated,
            "sources": tally(&one.sources),
            "outlets": tally(&one.outlets),
            "slots": self.slots.iter().zip(&one.slots).map(slot).collect::<Vec<_>>(),
        })
    }

    fn trial(&self, trial: &Trial) -> Value {
        let slots = self.slots.iter().zip(&trial.done);
        let events = slots.clone().map(|(slot, done)| (slot.full_name(), done.count().into()));
        json!({
            "rate": trial.rate,
            "achieved_per_s": trial.achieved,
            "held": trial.result.is_ok(),
            "failure": trial.result.as_ref().err().map(ToString::to_string),
            "of_generator": trial.result.as_ref().err().is_some_and(Failure::is_of_generator),
            "events": events.collect::<Map<_, Value>>(),
            "done_ns": slots.map(|(slot, done)| (slot.full_name(), Value::Object(five(&Five::of(done))))).collect::<Map<_, _>>(),
        })
    }

    fn verdict(&self) -> Value {
        if matches!(self.verdict, Verdict::None) {
            return Value::Null;
        }
        let rate = match &self.verdict {
            Verdict::Searched { found: Some(Found::Rate { best, .. }), is_complete: true, .. } => Some(best.rate),
            Verdict::Asserted { rate, result: Ok(()), .. } => Some(*rate),
            _ => None,
        };
        json!({
            "objectives": self.verdict.objectives().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "held": self.verdict.is_held(),
            "rate": rate,
            "sentence": self.verdict.sentence(),
            "baseline": self.verdict.baseline(&self.gaps),
        })
    }

    /// Where every event went, from the start to the end.
    fn account(&self) -> Value {
        let port = |(plan, counts): &(PortPlan, PortTally)| {
            let role = match &plan.role {
                Role::Source { feed } => json!({ "feed": feed }),
                Role::Outlet { bus, slot, share } => {
                    json!({ "slot": format!("{bus}.{slot}"), "share": format!("{}/{}", share.of, share.in_all) })
                }
            };
            json!({ "bus": plan.bus, "publisher": plan.publisher, "of": role, "counts": tally(counts) })
        };
        let slot = |(plan, slot): (&SlotPlan, &super::sample::SlotSample)| {
            let stats = &slot.stats;
            json!({
                "slot": plan.full_name(), "state": stats.state.to_string(), "delivered": stats.delivered, "filtered": stats.filtered,
                "dead": stats.dead, "holes": stats.holes, "joined": stats.joined, "left": slot.lag,
            })
        };
        json!({
            "generated": self.all.generated,
            "sources": tally(&self.all.sources),
            "outlets": tally(&self.all.outlets),
            "ports": self.ports.iter().map(port).collect::<Vec<_>>(),
            "buses": self.shutdown.buses.iter().map(|bus| (bus.bus.to_string(), bus.published.into())).collect::<Map<_, Value>>(),
            "slots": self.slots.iter().zip(&self.all.slots).map(slot).collect::<Vec<_>>(),
        })
    }
}

fn five(five: &Five) -> Map<String, Value> {
    let names = PERCENTILES.map(|(name, _)| name).into_iter().chain(["max"]);
    names.zip(five.0).map(|(name, ns)| (name.replace('.', ""), ns.into())).collect()
}

fn tally(tally: &PortTally) -> Value {
    json!({
        "published": tally.published, "shed": tally.shed, "timed_out": tally.timed_out, "failed": tally.failed, "closed": tally.closed,
        "waits": tally.waits,
    })
}
