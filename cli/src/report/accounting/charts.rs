//! The accounts over time, as panels: how far behind each slot is, in which mode each bus, what is lost by reason, and what memory there is.

use super::super::axes::COLOURS;
use super::super::panels::{Area, Drawn, POINTS, builder, key, panels, text};
use super::super::text::thousands;
use super::timeline::Moment;
use super::{Accounting, LOSSES};
use plotters::prelude::*;
use tagring::guard::Mode;

/// The colours of modes, from the best to the worst.
const MODES: [RGBColor; Mode::ALL.len()] =
    [RGBColor(198, 228, 198), RGBColor(250, 220, 130), RGBColor(240, 150, 90), RGBColor(190, 40, 40)];
/// Points of a curve of rates: each over long enough to be one.
const RATES: usize = POINTS / 4;
/// What a slot that is not behind is drawn at: a logarithmic axis has no 0.
const NONE: f64 = 1.0;

pub(super) fn mode_name(mode: u8) -> &'static str {
    Mode::from_u8(mode).map_or("unknown", Mode::name)
}

/// The charts, or nothing where nothing is told or nothing was seen.
///
/// # Errors
/// Those of the drawing.
pub(in super::super) fn charts(accounting: &Accounting) -> Result<String, String> {
    let moments = accounting.over_time.at_most(POINTS);
    if !accounting.is_told() || moments.len() < 2 {
        return Ok(String::new());
    }
    // What slots do with what is left after the feed has ended is no rate of theirs.
    let steady = accounting.over_time.at_most(RATES);
    let steady = &steady[..steady.len() - 1];
    let svg = panels(5, |areas| {
        let [lags, bands, losses, rates, memories] = areas else { return Err(text("five panels")) };
        lag(lags, accounting, &moments)?;
        modes(bands, accounting, &moments)?;
        lost(losses, steady)?;
        delivered(rates, accounting, steady)?;
        memory(memories, &moments)
    })?;
    // As in the other charts: inside of HTML an SVG needs no name space.
    Ok(format!("<h2>Over time</h2>{}", svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")))
}

fn seconds(moment: &Moment) -> f64 {
    moment.at.as_secs_f64()
}

fn span(moments: &[Moment]) -> std::ops::Range<f64> {
    let of = |moment: Option<&Moment>| moment.map_or(0.0, seconds);
    let (from, to) = (of(moments.first()), of(moments.last()));
    from..to.max(from + 1e-3)
}

/// Slots with their colours, in the order of every moment's.
fn slots(accounting: &Accounting) -> impl Iterator<Item = (usize, &str, RGBColor)> {
    let names = accounting.slots.iter().map(|slot| slot.slot.as_str());
    names.zip(COLOURS.into_iter().cycle()).enumerate().map(|(at, (name, colour))| (at, name, colour))
}

fn slot_key(area: &Area<'_>, accounting: &Accounting) -> Drawn {
    key(area, &slots(accounting).map(|(_, name, colour)| (name, colour)).collect::<Vec<_>>())
}

fn lag(area: &Area<'_>, accounting: &Accounting, moments: &[Moment]) -> Drawn {
    let of = |moment: &Moment, at: usize| moment.slots.get(at).map_or(NONE, |slot| (slot.lag as f64).max(NONE));
    let most = moments.iter().flat_map(|moment| &moment.slots).map(|slot| slot.lag).max().unwrap_or(0).max(10) as f64;
    let title = "lag by slot: events behind";
    let mut chart =
        builder(area, title).build_cartesian_2d(span(moments), (NONE..most * 1.5).log_scale()).map_err(text)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE.mix(0.0)).x_label_formatter(&|s| format!("{s:.1} s"));
    mesh.y_label_formatter(&|events| thousands(*events as u64)).draw().map_err(text)?;
    for (at, _, colour) in slots(accounting) {
        let points = moments.iter().map(|moment| (seconds(moment), of(moment, at)));
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(text)?;
    }
    slot_key(area, accounting)
}

/// A band for each bus, in the colour of its mode.
fn modes(area: &Area<'_>, accounting: &Accounting, moments: &[Moment]) -> Drawn {
    let buses = accounting.modes.len().max(1);
    let mut chart = builder(area, "mode by bus").build_cartesian_2d(span(moments), 0.0..buses as f64).map_err(text)?;
    let name = |place: &f64| {
        let is_middle = (place.fract() - 0.5).abs() < 0.01;
        let bus = accounting.modes.get(place.floor() as usize).filter(|_| is_middle);
        bus.map_or_else(String::new, |of| of.bus.to_owned())
    };
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh().light_line_style(WHITE.mix(0.0)).x_label_formatter(&|s| format!("{s:.1} s"));
    mesh.y_labels(2 * buses + 1).y_label_formatter(&name).draw().map_err(text)?;
    for pair in moments.windows(2) {
        for (bus, mode) in pair[1].modes.iter().enumerate() {
            let colour = MODES.get(usize::from(*mode)).copied().unwrap_or(BLACK);
            let corners = [(seconds(&pair[0]), bus as f64 + 0.1), (seconds(&pair[1]), bus as f64 + 0.9)];
            chart.draw_series([Rectangle::new(corners, colour.filled())]).map_err(text)?;
        }
    }
    let seen = |mode: &Mode| moments.iter().any(|moment| moment.modes.contains(&(*mode as u8)));
    let seen = Mode::ALL.into_iter().filter(seen).map(|mode| (mode.name(), MODES[mode as usize]));
    key(area, &seen.collect::<Vec<_>>())
}

/// A second's worth of what grew between two looks.
fn rate(pair: &[Moment], of: impl Fn(&Moment) -> u64) -> f64 {
    let seconds = (seconds(&pair[1]) - seconds(&pair[0])).max(1e-6);
    of(&pair[1]).saturating_sub(of(&pair[0])) as f64 / seconds
}

/// Losses of all slots together a second, one reason on top of the other.
fn lost(area: &Area<'_>, moments: &[Moment]) -> Drawn {
    let of = |moment: &Moment, reason: usize| moment.slots.iter().map(|slot| slot.lost[reason]).sum::<u64>();
    let up_to =
        |pair: &[Moment], reason: usize| (0..=reason).map(|at| rate(pair, |moment| of(moment, at))).sum::<f64>();
    let last = LOSSES.len() - 1;
    let most = moments.windows(2).map(|pair| up_to(pair, last)).fold(10.0, f64::max);
    let title = "events/s lost by all slots, by reason, stacked";
    let mut chart = builder(area, title).build_cartesian_2d(span(moments), 0.0..most * 1.1).map_err(text)?;
    plain_mesh(&mut chart, &|rate| thousands(*rate as u64))?;
    // From the top of the stack down: each is drawn over the one above it.
    for reason in (0..=last).rev() {
        let points = moments.windows(2).map(|pair| (seconds(&pair[1]), up_to(pair, reason)));
        chart.draw_series(AreaSeries::new(points, 0.0, colour_of(reason))).map_err(text)?;
    }
    let names = LOSSES.map(|reason| reason.to_string());
    let seen = names.iter().enumerate().filter(|(at, _)| moments.iter().any(|moment| of(moment, *at) > 0));
    key(area, &seen.map(|(at, reason)| (reason.as_str(), colour_of(at))).collect::<Vec<_>>())
}

fn colour_of(reason: usize) -> RGBColor {
    COLOURS[reason % COLOURS.len()]
}

fn delivered(area: &Area<'_>, accounting: &Accounting, moments: &[Moment]) -> Drawn {
    let of = |moment: &Moment, at: usize| moment.slots.get(at).map_or(0, |slot| slot.delivered);
    let rates =
        |at: usize| moments.windows(2).map(move |pair| (seconds(&pair[1]), rate(pair, |moment| of(moment, at))));
    let most = slots(accounting).flat_map(|(at, ..)| rates(at)).map(|(_, rate)| rate).fold(10.0, f64::max);
    let mut chart =
        builder(area, "events/s handled by slot").build_cartesian_2d(span(moments), 0.0..most * 1.1).map_err(text)?;
    plain_mesh(&mut chart, &|rate| thousands(*rate as u64))?;
    for (at, _, colour) in slots(accounting) {
        chart.draw_series(LineSeries::new(rates(at), colour.stroke_width(2))).map_err(text)?;
    }
    slot_key(area, accounting)
}

fn memory(area: &Area<'_>, moments: &[Moment]) -> Drawn {
    let of = |moment: &Moment| moment.resident_bytes as f64 / 1e6;
    let most = moments.iter().map(of).fold(1.0, f64::max);
    let title = "memory of the process that is resident, MB";
    let mut chart = builder(area, title).build_cartesian_2d(span(moments), 0.0..most * 1.2).map_err(text)?;
    plain_mesh(&mut chart, &|mb| format!("{mb:.0} MB"))?;
    let points = moments.iter().map(|moment| (seconds(moment), of(moment)));
    chart.draw_series(LineSeries::new(points, COLOURS[0].stroke_width(2))).map_err(text)?;
    key(area, &[("resident", COLOURS[0])])
}

type Plain<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn plain_mesh(chart: &mut Plain<'_, '_>, y_label: &dyn Fn(&f64) -> String) -> Drawn {
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE.mix(0.0)).y_labels(6).x_label_formatter(&|s| format!("{s:.1} s"));
    mesh.y_label_formatter(y_label).draw().map_err(text)
}
