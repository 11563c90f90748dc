//! The plot: one HTML file that needs nothing else. Latency against percentile, as HdrHistogram's plots have it, by slot and by tag.

use super::Ended;
use super::Report;
use super::axes::{COLOURS, duration, percent};
use super::tail::charts;
use super::text::{thousands, time};
use crate::args::Pace;
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

/// What every chart by slot is to be held against.
const JITTER: &str = "platform jitter";

const STYLE: &str = "body{font:15px sans-serif;max-width:920px;margin:24px auto;padding:0 12px;color:#222}\
    h2{font-size:17px;margin:32px 0 4px}p{line-height:1.5}table{border-collapse:collapse}\
    td,th{padding:3px 14px;text-align:right;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}\
    td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}\
    .key{margin:0;font-size:13px}.key span{margin-right:16px;white-space:nowrap}svg{width:100%;height:auto}";

type Curve<'a> = (String, &'a HistogramSnapshot);

/// The page.
pub(super) fn page(report: &Report) -> Result<String, String> {
    let jitter = || (JITTER.to_owned(), &report.jitter);
    let by_slot = |pick: fn(&super::SlotReport) -> &HistogramSnapshot| {
        report
            .slots
            .iter()
            .map(move |slot| (slot.name.clone(), pick(slot)))
            .chain([jitter()])
            .collect::<Vec<Curve<'_>>>()
    };
    let mut body = super::accounting::charts(&report.accounting)?;
    let mut add = |title: &str, curves: &[Curve<'_>]| -> Result<(), String> {
        if curves.iter().any(|(name, snapshot)| name != JITTER && snapshot.count() > 0) {
            body.push_str(&chart(title, curves)?);
        }
        Ok(())
    };
    add("Hop by slot: publish to handler", &by_slot(|slot| &slot.latencies.hop))?;
    add("Service time by slot", &by_slot(|slot| &slot.latencies.service))?;
    if report.pace != Pace::Max {
        add("Age by slot: intended time to handler", &by_slot(|slot| &slot.latencies.age))?;
    }
    for slot in &report.slots {
        let mut tags: Vec<_> = slot.latencies.tags.iter().filter(|tag| tag.hop.count() > 0).collect();
        tags.sort_by_key(|tag| std::cmp::Reverse(tag.hop.count()));
        tags.truncate(CURVES);
        let name = |tag: tagring::event::Tag| tag_name(slot.bus, tag);
        let hops: Vec<Curve<'_>> = tags.iter().map(|tag| (name(tag.tag), &tag.hop)).collect();
        let services: Vec<Curve<'_>> = tags.iter().map(|tag| (name(tag.tag), &tag.service)).collect();
        add(&format!("Slot {}: hop by tag (events timed alone)", slot.name), &hops)?;
        add(&format!("Slot {}: service time by tag (events timed alone)", slot.name), &services)?;
    }
    body.push_str(&charts(&report.tail)?);
    let ended = if report.ended == Ended::Input { String::new() } else { format!(", ended: {}", report.ended.name()) };
    Ok(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>tagring run</title><style>{STYLE}</style>\
         <h1>tagring run</h1><p>{}{ended}<br>{} events, {} events/s to every slot, {} dropped<br>{}; {}</p>{}{body}</html>\n",
        escaped(&report.input),
        thousands(report.events),
        thousands(report.rate() as u64),
        thousands(report.dropped),
        escaped(&report.cores),
        escaped(&report.clock),
        table(report),
    ))
}

/// The page of slow events alone.
pub(super) fn tail_page(report: &Report) -> Result<String, String> {
    Ok(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>tagring tail</title><style>{STYLE}</style>\
         <h1>tagring tail</h1><p>{}<br>{}; {}</p>{}</html>\n",
        escaped(&report.input),
        escaped(&report.cores),
        escaped(&report.clock),
        charts(&report.tail)?,
    ))
}

/// A tag's name, in the family of its bus.
pub(crate) fn tag_name(bus: &str, tag: tagring::event::Tag) -> String {
    use tagring::event::Family;
    let schema = if bus == crate::run::DERIVED {
        crate::derived::Events::schema_of(tag)
    } else {
        tagring_market::events::Events::schema_of(tag)
    };
    schema.map_or_else(|| format!("tag {tag}"), |schema| schema.name.to_owned())
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn table(report: &Report) -> String {
    let mut rows = String::from("<table><tr><th>slot<th>what<th>p50<th>p99<th>p99.9<th>max");
    let mut row = |name: &str, what: &str, snapshot: &HistogramSnapshot| {
        if snapshot.count() > 0 {
            let q = |q| time(snapshot.quantile(q));
            let (p50, p99, p999, max) = (q(0.5), q(0.99), q(0.999), time(snapshot.max()));
            let _ = write!(rows, "<tr><td>{}<td>{what}<td>{p50}<td>{p99}<td>{p999}<td>{max}", escaped(name));
        }
    };
    for slot in &report.slots {
        row(&slot.name, "hop", &slot.latencies.hop);
        row(&slot.name, "service", &slot.latencies.service);
        if report.pace != Pace::Max {
            row(&slot.name, "age", &slot.latencies.age);
        }
    }
    row("platform", "jitter", &report.jitter);
    rows + "</table>"
}

/// One chart: its title, a key to the colours, an SVG element.
fn chart(title: &str, curves: &[Curve<'_>]) -> Result<String, String> {
    let mut svg = String::new();
    let curves: Vec<_> = curves.iter().filter(|(_, snapshot)| snapshot.count() > 0).collect();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, &curves).map_err(|error| format!("plot: {error}"))?;
    }
    let mut html = format!("<h2>{}</h2><p class=key>", escaped(title));
    for ((name, _), RGBColor(r, g, b)) in curves.iter().zip(COLOURS.iter().cycle()) {
        let _ = write!(html, "<span><b style=\"color:rgb({r},{g},{b})\">&#9473;</b> {}</span>", escaped(name));
    }
    // Inside of HTML an SVG needs no name space; without it the page names no address at all.
    Ok(html + "</p>" + &svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", ""))
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    curves: &[&Curve<'_>],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let top = curves.iter().map(|(_, snapshot)| snapshot.max()).max().unwrap_or(1).max(10) as f64;
    let low = curves.iter().map(|(_, snapshot)| snapshot.quantile(0.0)).min().unwrap_or(1).max(1) as f64;
    // Whole decades, so that the axis begins with a label.
    let low = 10_f64.powf(low.log10().floor());
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        // Half of the last label.
        .margin_right(44)
        .x_label_area_size(36)
        .y_label_area_size(76)
        .build_cartesian_2d(0.0..NINES, (low..top * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(7)
        .x_label_formatter(&|nines| percent(*nines))
        .y_label_formatter(&|ns| duration(*ns))
        .x_desc("percentile")
        .light_line_style(WHITE.mix(0.0))
        .draw()?;
    for ((_, snapshot), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        chart.draw_series(LineSeries::new(points(snapshot), colour.stroke_width(2)))?;
    }
    Ok(())
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
