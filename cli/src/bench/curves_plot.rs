//! Curves: a latency by percentile, on a scale of decimal nines and a logarithmic one; and something over time.

use crate::report::axes::{COLOURS, duration, percent};
use plotters::prelude::*;
use tagring_benches::latency::POINTS_PER_NINE;
use tagring_benches::suite::Course;
use tagring_benches::table::{Apart, Measured};

const SIZE: (u32, u32) = (900, 480);

type Line = (String, Vec<(f64, f64)>);

/// Latencies of all rows by percentile.
pub(super) fn latencies(table: &Measured, apart: Apart) -> Result<String, String> {
    let nines = |point: usize| point as f64 / POINTS_PER_NINE as f64;
    let line = |row: &tagring_benches::table::Row| {
        let curve = row.curve(apart);
        (row.name().to_owned(), curve.into_iter().enumerate().map(|(i, ns)| (nines(i), ns.max(1.0))).collect())
    };
    let lines: Vec<Line> = table.rows().iter().map(line).collect();
    let title = format!("{}; {}", table.title(), apart.name());
    picture(
        &lines,
        &Axes {
            title: &title,
            x: "percentile",
            y: "",
            x_label: &|x| percent(*x),
            y_label: &|y| duration(*y),
            x_from: 0.0,
        },
    )
}

/// Something over time.
pub(super) fn course(course: &Course) -> Result<String, String> {
    let seconds = |x: &f64| format!("{x:.1} s");
    // A logarithm has no zero: what is below one is drawn at one.
    let lines: Vec<Line> = course
        .lines
        .iter()
        .map(|(name, points)| (name.clone(), points.iter().map(|&(x, y)| (x, y.max(1.0))).collect()))
        .collect();
    picture(
        &lines,
        &Axes {
            title: &course.title,
            x: "time",
            y: &course.height,
            x_label: &seconds,
            y_label: &|y| format!("{y:.0}"),
            x_from: 0.0,
        },
    )
}

/// What stands at the axes.
struct Axes<'a> {
    title: &'a str,
    x: &'a str,
    y: &'a str,
    x_label: &'a dyn Fn(&f64) -> String,
    y_label: &'a dyn Fn(&f64) -> String,
    x_from: f64,
}

fn picture(lines: &[Line], axes: &Axes<'_>) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, lines, axes).map_err(|error| format!("TR-3015: --svg: a plot cannot be drawn: {error}"))?;
    }
    Ok(svg)
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    lines: &[Line],
    axes: &Axes<'_>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    area.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|(_, points)| points);
    let right = points().map(|&(x, _)| x).fold(axes.x_from + 0.5, f64::max);
    let top = points().map(|&(_, y)| y).fold(10.0, f64::max);
    let low = points().map(|&(_, y)| y).fold(top, f64::min);
    // Whole decades, so that the axis begins with a label.
    let low = 10_f64.powf(low.log10().floor());
    let mut chart = ChartBuilder::on(area)
        .caption(axes.title, ("sans-serif", 16))
        .margin(8)
        // Half of the last label.
        .margin_right(44)
        .x_label_area_size(36)
        .y_label_area_size(76)
        .build_cartesian_2d(axes.x_from..right, (low..top * 1.5).log_scale())?;
    let mut mesh = chart.configure_mesh();
    mesh.x_labels(9).x_label_formatter(axes.x_label).y_label_formatter(axes.y_label).x_desc(axes.x);
    if !axes.y.is_empty() {
        mesh.y_desc(axes.y);
    }
    mesh.light_line_style(WHITE.mix(0.0)).draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let series = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        series
            .label(name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).draw()?;
    area.present()
}
