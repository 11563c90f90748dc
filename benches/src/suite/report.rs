//! A run of the suite as one JSON object. Its shape is described in `docs/guide/benchmarks.md`; `SHAPE` is raised when it changes.

use super::{Course, Found, Part, Setup, Size, machine};
use crate::bars::{Bar, Sense};
use crate::table::{Apart, Behind, Column, Measured, Row, Spread, Whose};
use serde_json::{Map, Value, json};

/// The number of this shape.
const SHAPE: u32 = 1;

/// Everything that was asked, found and measured on.
#[must_use]
pub fn report(setup: &Setup, parts: &[(Part, Found)]) -> Value {
    let size = match setup.size {
        Size::Full => "full",
        Size::Quick => "quick",
        Size::Tiny => "tiny",
    };
    json!({
        "shape": SHAPE,
        "tagring": env!("CARGO_PKG_VERSION"),
        "size": size,
        "rounds": setup.rounds,
        "machine": machine::machine(setup),
        "parts": parts.iter().map(part).collect::<Vec<_>>(),
        "bars": parts.iter().flat_map(|(part, found)| found.bars.iter().map(|b| bar(part, b))).collect::<Vec<_>>(),
    })
}

fn part((part, found): &(Part, Found)) -> Value {
    json!({
        "name": part.name,
        "about": part.about,
        "tables": found.tables.iter().map(table).collect::<Vec<_>>(),
        "courses": found.courses.iter().map(course).collect::<Vec<_>>(),
    })
}

fn table(table: &Measured) -> Value {
    let columns = table.columns();
    let behind = Apart::ALL.iter().flat_map(|&apart| table.behind(apart).into_iter().map(move |b| behind(apart, b)));
    json!({
        "title": table.title(),
        "columns": columns.iter().map(column).collect::<Vec<_>>(),
        "rows": table.rows().iter().map(|r| row(r, columns.len())).collect::<Vec<_>>(),
        "behind": behind.collect::<Vec<_>>(),
    })
}

fn column(column: &Column) -> Value {
    let better = column.better().map(|better| if better == Sense::AtMost { "less" } else { "more" });
    json!({"name": column.name(), "better": better})
}

fn row(row: &Row, columns: usize) -> Value {
    let whose = match row.whose() {
        Whose::Ours => "ours",
        Whose::Peer => "peer",
        Whose::Limit => "limit",
    };
    let round =
        |(figures, apart): (&[f64], Option<Apart>)| json!({"apart": apart.map(Apart::name), "figures": figures});
    let at = |apart: Apart| {
        let spreads: Vec<_> = (0..columns).map(|column| row.spread(column, apart).map(spread)).collect();
        let has_any = spreads.iter().any(Option::is_some);
        has_any.then(|| (apart.name().to_owned(), json!({"columns": spreads, "curve_ns": row.curve(apart)})))
    };
    let at: Map<_, _> = Apart::ALL.into_iter().filter_map(at).collect();
    json!({"name": row.name(), "whose": whose, "at": at, "rounds": row.rounds().map(round).collect::<Vec<_>>()})
}

fn spread(Spread { min, low, median, high, max }: Spread) -> Value {
    json!({"min": min, "low": low, "median": median, "high": high, "max": max})
}

fn behind(apart: Apart, Behind { ours, peer, column, ratio, why }: Behind) -> Value {
    json!({"apart": apart.name(), "ours": ours, "peer": peer, "column": column, "ratio": spread(ratio), "why": why})
}

fn course(Course { title, height, lines }: &Course) -> Value {
    let line = |(name, points): &(String, Vec<(f64, f64)>)| json!({"name": name, "points": points});
    json!({"title": title, "height": height, "lines": lines.iter().map(line).collect::<Vec<_>>()})
}

fn bar(part: &Part, bar: &Bar) -> Value {
    let (sense, ratio) = bar.asked();
    json!({
        "part": part.name,
        "what": bar.what(),
        "against": bar.against(),
        "asked": {"sense": if sense == Sense::AtMost { "at_most" } else { "at_least" }, "ratio": ratio},
        "ratio": spread(bar.ratio()),
        "met": bar.is_met(),
    })
}
