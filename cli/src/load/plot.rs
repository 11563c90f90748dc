//! The plot: one SVG file. For a load a panel for each slot, percentiles over time, and one of rates; for a search the percentile against the rate,
//! with what held and what failed.

use super::objective::Objective;
use super::quantity::{shown_ns, shown_rate};
use super::report::Report;
use super::sample::{Interval, PERCENTILES};
use crate::report::panels::{Area, Drawn, GREY, POINTS, builder, key, panels, text};
use plotters::prelude::*;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Panels at most: slots beyond are in the JSON object.
const PANELS: usize = 16;

const COLOURS: [RGBColor; 5] = [
    RGBColor(31, 119, 180),
    RGBColor(44, 140, 44),
    RGBColor(214, 96, 20),
    RGBColor(190, 40, 40),
    RGBColor(128, 90, 170),
];
const HELD: RGBColor = RGBColor(44, 140, 44);
const FAILED: RGBColor = RGBColor(190, 40, 40);

/// Looks whether the file can be written, before the load begins.
///
/// # Errors
/// It cannot.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let is_new = !path.exists();
    OpenOptions::new().append(true).create(true).open(path).map_err(|error| unwritable(path, &error))?;
    if is_new {
        // Best effort: what is left behind would be empty, and is replaced at the end.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Writes the plot.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(path: &Path, report: &Report) -> Result<(), String> {
    std::fs::write(path, svg(report)?).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("TR-3027: --svg {}: {error}; choose another place", path.display())
}

fn svg(report: &Report) -> Result<String, String> {
    let intervals = report.intervals.at_most(POINTS);
    let searches = report.verdict.objectives().iter().filter(|_| !report.trials.is_empty()).count();
    let slots = if report.stage.is_some() { report.slots.len().min(PANELS) } else { 0 };
    panels(slots + usize::from(slots > 0) + searches.min(PANELS), |areas| {
        let mut areas = areas.iter();
        if slots > 0 {
            areas.next().map_or(Ok(()), |area| rates(area, &intervals))?;
            for (at, slot) in report.slots.iter().enumerate().take(slots) {
                areas.next().map_or(Ok(()), |area| over_time(area, &slot.full_name(), at, &intervals, report))?;
            }
        }
        for (objective, area) in report.verdict.objectives().iter().zip(areas) {
            search(area, objective, report)?;
        }
        Ok(())
    })
}

/// Asked and achieved rates over time.
fn rates(area: &Area<'_>, intervals: &[Interval]) -> Drawn {
    let end = end_of(intervals);
    let asked = |one: &Interval| one.asked / one.seconds();
    let achieved = |one: &Interval| one.generated as f64 / one.seconds();
    let top = intervals.iter().map(|one| asked(one).max(achieved(one))).fold(1.0, f64::max);
    let mut chart =
        builder(area, "events/s, asked and achieved").build_cartesian_2d(0.0..end, 0.0..top * 1.1).map_err(text)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE.mix(0.0))
        .x_label_formatter(&|s| format!("{s:.1} s"))
        .y_label_formatter(&|rate| shown_rate(*rate));
    mesh.draw().map_err(text)?;
    let line = |of: &dyn Fn(&Interval) -> f64| -> Vec<(f64, f64)> {
        intervals.iter().map(|one| (one.to.as_secs_f64(), of(one))).collect()
    };
    chart.draw_series(LineSeries::new(line(&asked), GREY.stroke_width(4))).map_err(text)?;
    chart.draw_series(LineSeries::new(line(&achieved), COLOURS[0].stroke_width(2))).map_err(text)?;
    key(area, &[("asked", GREY), ("achieved", COLOURS[0])])
}

/// A slot's percentiles over time.
fn over_time(area: &Area<'_>, name: &str, slot: usize, intervals: &[Interval], report: &Report) -> Drawn {
    let with_events: Vec<_> =
        intervals.iter().filter(|one| one.slots.get(slot).is_some_and(|slot| slot.count > 0)).collect();
    let value = |one: &Interval, at: usize| one.slots[slot].done.0[at].max(1) as f64;
    let low = with_events.iter().map(|one| value(one, 0)).fold(f64::MAX, f64::min);
    let high = with_events.iter().map(|one| value(one, 4)).fold(10.0, f64::max);
    let title = format!("{name}: due to done, over time");
    let mut chart = logarithmic(area, &title, 0.0..end_of(intervals), (low, high), &|s| format!("{s:.1} s"))?;
    for (at, colour) in COLOURS.iter().enumerate() {
        let points: Vec<_> = with_events.iter().map(|one| (one.to.as_secs_f64(), value(one, at))).collect();
        // A single interval is a dot.
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 2, colour.filled()))).map_err(text)?;
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(text)?;
    }
    for objective in report.verdict.objectives().iter().filter(|one| is_meant(one, &report.slots[slot])) {
        let limit = objective.limit.as_nanos() as f64;
        chart
            .draw_series(LineSeries::new([(0.0, limit), (end_of(intervals), limit)], GREY.stroke_width(1)))
            .map_err(text)?;
    }
    let names = PERCENTILES.map(|(name, _)| name).into_iter().chain(["max"]);
    key(area, &names.zip(COLOURS).collect::<Vec<_>>())
}

/// The percentile of the slot that was slowest, against the rate.
fn search(area: &Area<'_>, objective: &Objective, report: &Report) -> Drawn {
    let slowest = |done: &[tagring::counters::HistogramSnapshot]| {
        let meant = report.slots.iter().zip(done).filter(|(slot, _)| is_meant(objective, slot));
        meant.map(|(_, done)| done.quantile(objective.q)).max().unwrap_or(0).max(1) as f64
    };
    let points: Vec<(f64, f64, bool)> =
        report.trials.iter().map(|trial| (trial.rate.log10(), slowest(&trial.done), trial.result.is_ok())).collect();
    let limit = objective.limit.as_nanos() as f64;
    let left = points.iter().map(|point| point.0).fold(f64::MAX, f64::min) - 0.1;
    let right = points.iter().map(|point| point.0).fold(f64::MIN, f64::max) + 0.1;
    let low = points.iter().map(|point| point.1).fold(limit, f64::min);
    let high = points.iter().map(|point| point.1).fold(limit, f64::max);
    let title = format!("{objective}: the slowest slot, by rate");
    let mut chart = logarithmic(area, &title, left..right, (low, high), &|rate| shown_rate(10_f64.powf(*rate)))?;
    chart.draw_series(LineSeries::new([(left, limit), (right, limit)], GREY.stroke_width(1))).map_err(text)?;
    for (is_held, colour) in [(true, HELD), (false, FAILED)] {
        let of = points.iter().filter(|point| point.2 == is_held);
        chart.draw_series(of.map(|point| Circle::new((point.0, point.1), 4, colour.filled()))).map_err(text)?;
    }
    key(area, &[("held", HELD), ("failed", FAILED), ("limit", GREY)])
}

fn is_meant(objective: &Objective, slot: &super::graph::SlotPlan) -> bool {
    super::named::precision(&objective.slot, &slot.bus, &slot.slot).is_some()
}

fn end_of(intervals: &[Interval]) -> f64 {
    intervals.last().map_or(1.0, |last| last.to.as_secs_f64()).max(1e-3)
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::combinators::LogCoord<f64>>,
>;

/// A chart with times on a logarithmic axis, in whole decades at its foot so that the axis begins with a label.
fn logarithmic<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    x: std::ops::Range<f64>,
    (low, high): (f64, f64),
    x_label: &dyn Fn(&f64) -> String,
) -> Result<Chart<'a, 'b>, String> {
    let low = 10_f64.powf(low.clamp(1.0, high).log10().floor());
    let mut chart = builder(area, title).build_cartesian_2d(x, (low..high * 1.5).log_scale()).map_err(text)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE.mix(0.0))
        .y_labels(6)
        .x_label_formatter(x_label)
        .y_label_formatter(&|ns| shown_ns(*ns as u64));
    mesh.draw().map_err(text)?;
    Ok(chart)
}
