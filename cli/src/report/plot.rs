//! The plot: one HTML file that needs nothing else. Latency against percentile, as HdrHistogram's plots have it, by slot and by tag.

use super::Report;
use plotters::prelude::*;
use std::fmt::Write;
use tagring::counters::HistogramSnapshot;

const SIZE: (u32, u32) = (900, 420);
/// The x axis: decimal nines, 0 (0 %) to 6 (99.9999 %).
const NINES: f64 = 6.0;
/// Points of a curve.
const POINTS: u32 = 240;
/// Tags in a plot: the most frequent ones.
const CURVES: usize = 8;

const COLOURS: [RGBColor; 9] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 96, 20),
    RGBColor(44, 140, 44),
    RGBColor(190, 40, 40),
    RGBColor(128, 90, 170),
    RGBColor(120, 80, 70),
    RGBColor(200, 90, 160),
    RGBColor(90, 90, 90),
    RGBColor(20, 150, 160),
];

type Curve<'a> = (String, &'a HistogramSnapshot);

/// The page.
pub(super) fn page(report: &Report) -> Result<String, String> {
    let jitter = || ("platform jitter".to_owned(), &report.jitter);
    let by_slot = |pick: fn(&super::SlotReport) -> &HistogramSnapshot| {
        report
            .slots
            .iter()
            .map(move |slot| (slot.name.clone(), pick(slot)))
            .chain([jitter()])
            .collect::<Vec<Curve<'_>>>()
    };
    let mut body = String::new();
    let mut add = |title: &str, curves: &[Curve<'_>]| -> Result<(), String> {
        if curves.iter().any(|(_, snapshot)| snapshot.count() > 0) {
            body.push_str(&chart(title, curves)?);
        }
        Ok(())
    };
    add("Hop by slot: publish to handler", &by_slot(|slot| &slot.latencies.hop))?;
    add("Service time by slot", &by_slot(|slot| &slot.latencies.service))?;
    add("Age by slot: intended time to handler", &by_slot(|slot| &slot.latencies.age))?;
    for slot in &report.slots {
        let mut tags: Vec<_> = slot.latencies.tags.iter().filter(|tag| tag.hop.count() > 0).collect();
        tags.sort_by_key(|tag| std::cmp::Reverse(tag.hop.count()));
        tags.truncate(CURVES);
        let name = |tag: tagring::event::Tag| tag_name(report, &slot.name, tag);
        let hops: Vec<Curve<'_>> = tags.iter().map(|tag| (name(tag.tag), &tag.hop)).collect();
        let services: Vec<Curve<'_>> = tags.iter().map(|tag| (name(tag.tag), &tag.service)).collect();
        add(&format!("Slot {}: hop by tag (events timed alone)", slot.name), &hops)?;
        add(&format!("Slot {}: service time by tag (events timed alone)", slot.name), &services)?;
    }
    Ok(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>tagring run</title><style>body{{font:15px sans-serif;\
         max-width:920px;margin:24px auto;padding:0 12px;color:#222}}table{{border-collapse:collapse}}td,th{{padding:3px 12px;\
         text-align:right;border-bottom:1px solid #ddd}}td:first-child,th:first-child{{text-align:left}}svg{{width:100%;\
         height:auto}}</style><h1>tagring run</h1><p>{}<br>{}; {}</p>{}{body}</html>",
        escaped(&report.input),
        escaped(&report.cores),
        escaped(&report.clock),
        table(report),
    ))
}

/// A tag's name: slots on the second bus have a family of their own.
fn tag_name(report: &Report, slot: &str, tag: tagring::event::Tag) -> String {
    use tagring::event::Family;
    let schema =
        if slot == "tape" { crate::run::derived_schema(tag) } else { tagring_market::events::Events::schema_of(tag) };
    debug_assert!(report.slots.iter().any(|known| known.name == slot));
    schema.map_or_else(|| format!("tag {tag}"), |schema| schema.name.to_owned())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn table(report: &Report) -> String {
    let mut rows = String::from("<table><tr><th>slot<th>what<th>p50 ns<th>p99 ns<th>p99.9 ns<th>max ns");
    let mut row = |name: &str, what: &str, snapshot: &HistogramSnapshot| {
        let q = |q| snapshot.quantile(q);
        let (p50, p99, p999, max) = (q(0.5), q(0.99), q(0.999), snapshot.max());
        let _ = write!(rows, "<tr><td>{}<td>{what}<td>{p50}<td>{p99}<td>{p999}<td>{max}", escaped(name));
    };
    for slot in &report.slots {
        row(&slot.name, "hop", &slot.latencies.hop);
        row(&slot.name, "service", &slot.latencies.service);
    }
    row("platform", "jitter", &report.jitter);
    rows + "</table>"
}

/// One chart as an SVG element.
fn chart(title: &str, curves: &[Curve<'_>]) -> Result<String, String> {
    let mut svg = String::new();
    let curves: Vec<_> = curves.iter().filter(|(_, snapshot)| snapshot.count() > 0).collect();
    let top = curves.iter().map(|(_, snapshot)| snapshot.max()).max().unwrap_or(1).max(10) as f64;
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, title, &curves, top).map_err(|error| format!("plot: {error}"))?;
    }
    Ok(svg)
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    curves: &[&Curve<'_>],
    top: f64,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(76)
        .build_cartesian_2d(0.0..NINES, (1.0..top * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(7)
        .x_label_formatter(&|nines| percent(*nines))
        .y_label_formatter(&|ns| duration(*ns))
        .x_desc("percentile")
        .light_line_style(WHITE.mix(0.0))
        .draw()?;
    for ((name, snapshot), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points(snapshot), style))?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()
}

/// The curve, as far to the right as there are values to tell.
fn points(snapshot: &HistogramSnapshot) -> impl Iterator<Item = (f64, f64)> + '_ {
    let end = (snapshot.count() as f64).log10().clamp(0.5, NINES);
    (0..=POINTS).map(move |step| {
        let nines = end * f64::from(step) / f64::from(POINTS);
        let q = 1.0 - 10_f64.powf(-nines);
        (nines, snapshot.quantile(q).max(1) as f64)
    })
}

fn percent(nines: f64) -> String {
    let digits = (nines.round() as usize).saturating_sub(2);
    format!("{:.*} %", digits, (1.0 - 10_f64.powf(-nines)) * 100.0)
}

fn duration(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.0} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.0} ms", ns / 1e6),
        ns => format!("{:.0} s", ns / 1e9),
    }
}
