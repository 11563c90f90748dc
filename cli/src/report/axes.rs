//! What axes and lines of plots look like, in every plot of the program.

use plotters::style::RGBColor;

/// Colours of lines, in order.
pub(crate) const COLOURS: [RGBColor; 9] = [
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

/// A percentile by its decimal nines.
pub(crate) fn percent(nines: f64) -> String {
    let digits = (nines.round() as usize).saturating_sub(2);
    format!("{:.*} %", digits, (1.0 - 10_f64.powf(-nines)) * 100.0)
}

/// Nanoseconds, in their unit.
pub(crate) fn duration(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.0} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.0} ms", ns / 1e6),
        ns => format!("{:.0} s", ns / 1e9),
    }
}
