//! Slow events drawn: for each slot a bar a percentile, cut into the causes of its time.

use super::super::axes::COLOURS;
use super::super::plot::escaped;
use super::super::text::time;
use super::Tail;
use plotters::prelude::*;
use std::fmt::Write as _;
use tagring::bus::TailCause;
use tagring::runtime::tail::{SlotTailReport, Slowest};

/// One bar with its label.
const BAR: u32 = 40;
const WIDTH: u32 = 900;
/// Room for the labels at the left.
const LEFT: i32 = 190;

/// A chart for each slot that has something to tell.
pub(in super::super) fn charts(tail: &Tail) -> Result<String, String> {
    let mut html = String::new();
    for slot in tail.report.slots.iter() {
        let bars = slot.percentiles();
        if !bars.is_empty() {
            html.push_str(&chart(slot, &bars)?);
        }
    }
    Ok(html)
}

fn colour(cause: TailCause) -> RGBColor {
    COLOURS.get(cause as usize).copied().unwrap_or(RGBColor(170, 170, 170))
}

fn chart(slot: &SlotTailReport, bars: &[Slowest]) -> Result<String, String> {
    let title = format!("{}.{}: where the time of slow events went", slot.bus, slot.slot);
    let mut html = format!("<h2>{}</h2><p class=key>", escaped(&title));
    for cause in TailCause::ALL.into_iter().filter(|&cause| bars.iter().any(|bar| bar.parts[cause] > 0)) {
        let RGBColor(r, g, b) = colour(cause);
        let _ = write!(html, "<span><b style=\"color:rgb({r},{g},{b})\">&#9632;</b> {cause}</span>");
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, BAR * bars.len() as u32)).into_drawing_area();
        draw(&area, bars).map_err(|error| format!("plot: {error}"))?;
    }
    // As in the other charts: inside of HTML an SVG needs no name space.
    Ok(html + "</p>" + &svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", ""))
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    bars: &[Slowest],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let font = ("sans-serif", 14).into_font();
    for (row, bar) in bars.iter().enumerate() {
        let top = (row as u32 * BAR) as i32;
        let label = format!("p{}, from {}", 100.0 - bar.ppm as f64 / 10_000.0, time(bar.from_ns).trim_end());
        area.draw(&Text::new(label, (6, top + 12), font.clone()))?;
        let mut x = LEFT;
        for cause in TailCause::ALL {
            let share = bar.parts[cause] as f64 / bar.parts.total().max(1) as f64;
            let end = x + (share * f64::from(WIDTH as i32 - LEFT - 8)).round() as i32;
            if end > x {
                area.draw(&Rectangle::new([(x, top + 6), (end, top + BAR as i32 - 6)], colour(cause).filled()))?;
            }
            x = end;
        }
    }
    area.present()
}
