//! A table as bars: one panel for each column, one bar for each row from zero to the median, the middle half of the rounds across its end.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tagring_benches::bars::Sense;
use tagring_benches::table::{Apart, Column, Measured, Spread, Whose, short};

const WIDTH: i32 = 900;
/// Where bars begin and end; before it stand the rows' names, behind it the figures.
const LEFT: i32 = 250;
const RIGHT: i32 = 720;
const ROW: i32 = 22;
const TITLE: i32 = 34;
const HEAD: i32 = 34;
const GREY: RGBColor = RGBColor(90, 90, 90);

/// The picture.
pub(super) fn svg(table: &Measured, apart: Apart) -> Result<String, String> {
    let panel = HEAD + ROW * table.rows().len() as i32;
    let height = TITLE + panel * table.columns().len() as i32 + 10;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        draw(&area, table, apart, panel).map_err(|error| format!("TR-3015: --svg: a plot cannot be drawn: {error}"))?;
    }
    Ok(svg)
}

type Area<B> = DrawingArea<B, plotters::coord::Shift>;
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw<B: DrawingBackend>(area: &Area<B>, table: &Measured, apart: Apart, panel: i32) -> Drawn<B> {
    area.fill(&WHITE)?;
    text(area, (12, 12), 16, HPos::Left, BLACK, &format!("{}; {}", table.title(), apart.name()))?;
    for (i, column) in table.columns().iter().enumerate() {
        draw_panel(area, table, apart, (i, column), TITLE + panel * i as i32)?;
    }
    area.present()
}

fn draw_panel<B: DrawingBackend>(
    area: &Area<B>,
    table: &Measured,
    apart: Apart,
    (index, column): (usize, &Column),
    top: i32,
) -> Drawn<B> {
    let better = column
        .better()
        .map_or("", |better| if better == Sense::AtMost { " (less is better)" } else { " (more is better)" });
    text(area, (12, top + 10), 13, HPos::Left, GREY, &format!("{}{better}", column.name()))?;
    let spreads: Vec<Option<Spread>> = table.rows().iter().map(|row| row.spread(index, apart)).collect();
    let most = spreads.iter().flatten().map(|spread| spread.high).fold(f64::MIN_POSITIVE, f64::max);
    let x = |figure: f64| LEFT + (f64::from(RIGHT - LEFT) * figure / most) as i32;
    for (i, (row, spread)) in table.rows().iter().zip(&spreads).enumerate() {
        let y = top + HEAD - 10 + ROW * i as i32;
        text(area, (LEFT - 8, y + ROW / 2), 13, HPos::Right, BLACK, row.name())?;
        let Some(Spread { low, median, high, .. }) = *spread else { continue };
        area.draw(&Rectangle::new(
            [(LEFT, y + 3), (x(median).max(LEFT + 1), y + ROW - 3)],
            colour(row.whose()).filled(),
        ))?;
        let middle = y + ROW / 2;
        area.draw(&PathElement::new([(x(low), middle), (x(high), middle)], BLACK.stroke_width(2)))?;
        for end in [low, high] {
            area.draw(&PathElement::new([(x(end), middle - 4), (x(end), middle + 4)], BLACK.stroke_width(2)))?;
        }
        let figures = format!("{} ({}-{})", short(median), short(low), short(high));
        text(area, (x(high) + 8, middle), 12, HPos::Left, GREY, &figures)?;
    }
    Ok(())
}

fn colour(whose: Whose) -> RGBColor {
    match whose {
        Whose::Ours => RGBColor(31, 119, 180),
        Whose::Peer => RGBColor(240, 170, 110),
        Whose::Limit => RGBColor(200, 200, 200),
    }
}

fn text<B: DrawingBackend>(
    area: &Area<B>,
    at: (i32, i32),
    size: u32,
    h: HPos,
    colour: RGBColor,
    text: &str,
) -> Drawn<B> {
    let style = ("sans-serif", size).into_font().color(&colour).pos(Pos::new(h, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))
}
