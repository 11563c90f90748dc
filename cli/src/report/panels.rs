//! Panels of plots over time, one below the other in one SVG: their size, their titles, what their colours mean. Every plot over time is made of them.

use plotters::coord::Shift;
use plotters::prelude::*;

pub(crate) const WIDTH: u32 = 960;
pub(crate) const PANEL: u32 = 260;
/// Room for what colours mean, at the right.
const KEY: i32 = 150;
const INK: RGBColor = RGBColor(60, 60, 60);
/// Points of a curve at most.
pub(crate) const POINTS: usize = 600;
/// For what is no curve of its own: limits, and what was asked for.
pub(crate) const GREY: RGBColor = RGBColor(110, 110, 110);

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type Drawn = Result<(), String>;

/// An SVG of so many panels, drawn by `draw`.
///
/// # Errors
/// Those of `draw`.
pub(crate) fn panels(count: usize, draw: impl FnOnce(&[Area<'_>]) -> Drawn) -> Result<String, String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, PANEL * count.max(1) as u32)).into_drawing_area();
        root.fill(&WHITE).map_err(text)?;
        draw(&root.split_evenly((count.max(1), 1)))?;
        root.present().map_err(text)?;
    }
    Ok(svg)
}

/// A chart with its title, and room for labels and for [`key`].
pub(crate) fn builder<'a, 'b>(area: &'a Area<'b>, title: &str) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder
        .margin(8)
        .margin_right(KEY as u32 + 12)
        .x_label_area_size(28)
        .y_label_area_size(76)
        .caption(title, ("sans-serif", 15));
    builder
}

/// What the colours mean, beside the chart.
///
/// # Errors
/// Those of the drawing.
pub(crate) fn key(area: &Area<'_>, names: &[(&str, RGBColor)]) -> Drawn {
    let style = ("sans-serif", 13).into_font().color(&INK);
    for ((name, colour), row) in names.iter().zip(0..) {
        let (x, y) = (WIDTH as i32 - KEY, 44 + 18 * row);
        area.draw(&Rectangle::new([(x, y + 1), (x + 10, y + 11)], colour.filled())).map_err(text)?;
        area.draw(&Text::new((*name).to_owned(), (x + 15, y), style.clone())).map_err(text)?;
    }
    Ok(())
}

/// An error of the drawing in words.
pub(crate) fn text(error: impl std::fmt::Display) -> String {
    format!("plot: {error}")
}
