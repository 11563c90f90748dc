//! A run of the suite as one JSON object. Its shape is described in `docs/guide/benchmarks.md`; `SHAPE` is raised when it changes.

use super::{Course, Found, Part, Setup, Size, machine};
use crate::bars::{Bar, Form, Sense};
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
    let enough = table.enough();
    let behind = enough.iter().flat_map(|&apart| table.behind(apart).into_iter().map(move |b| behind(apart, b)));
    json!({
        "title": table.title(),
        "columns": columns.iter().map(column).collect::<Vec<_>>(),
        "rows": table.rows().iter().map(|r| row(r, columns.len(), &enough)).collect::<Vec<_>>(),
        "behind": behind.collect::<Vec<_>>(),
    })
}

fn column(column: &Column) -> Value {
    let better = column.better().map(|better| if better == Sense::AtMost { "less" } else { "more" });
    json!({"name": column.name(), "better": better})
}

fn row(row: &Row, columns: usize, enough: &[Apart]) -> Value {
    let whose = match row.whose() {
        Whose::Ours => "ours",
        Whose::Peer => "peer",
        Whose::Limit => "limit",
    };
    let round =
        |(figures, apart): (&[f64], Option<Apart>)| json!({"apart": apart.map(Apart::name), "figures": figures});
    let at = |apart: Apart| {
        let spreads: Vec<_> = (0..columns).map(|column| row.spread(column, apart).map(spread)).collect();
        (apart.name().to_owned(), json!({"columns": spreads, "curve_ns": row.curve(apart)}))
    };
    let at: Map<_, _> = enough.iter().copied().map(at).collect();
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
        "form": if bar.form() == Form::Ratio { "ratio" } else { "difference" },
        "ratio": spread(bar.ratio()),
        "met": bar.is_met(),
    })
}

#[cfg(test)]
mod tests {
    use super::report;
    use crate::bars::Sense;
    use crate::cores::Cores;
    use crate::suite::{Course, Found, Part, Setup, Size};
    use crate::table::{Column, Sample};
    use serde_json::json;

    fn measure(setup: &Setup) -> Found {
        let table = setup
            .table_anywhere("Sums", &[Column::less("ns"), Column::plain("max, ns")])
            .ours("tagring", || Sample { figures: vec![2.0, 9.0], curve: vec![1.0, 2.0] })
            .peer("a peer", || vec![1.0, f64::NAN])
            .why("tagring", 0, "It adds twice.");
        let table = setup.run(table);
        let mut found = Found::default();
        found.bar("sums", (&table, 0), "tagring", &table.peers(), (Sense::AtMost, 1.5));
        found.tables.push(table);
        found.courses.push(Course {
            title: "t".into(),
            height: "ms".into(),
            lines: vec![("a".into(), vec![(0.0, 1.0)])],
        });
        found
    }

    #[test]
    fn the_object_has_its_documented_shape() {
        let Some(cores) = Cores::choose() else { return };
        let mut setup = Setup::new(cores, Size::Quick);
        setup.rounds = 2;
        let part = Part { name: "sums", about: "adding up", measure };
        let object = report(&setup, &[(part, measure(&setup))]);
        assert_eq!((&object["shape"], &object["size"], &object["rounds"]), (&json!(1), &json!("quick"), &json!(2)));
        for known in ["processors", "cores", "round_trip_ns", "kernel", "clock", "versions"] {
            assert!(!object["machine"][known].is_null(), "{known}: {}", object["machine"]);
        }
        assert!(object["machine"]["clock"]["ticks_per_us"].as_f64().is_some_and(|ticks| ticks > 1.0));
        let part = &object["parts"][0];
        assert_eq!((&part["name"], &part["about"]), (&json!("sums"), &json!("adding up")));
        let table = &part["tables"][0];
        assert_eq!(table["columns"], json!([{"name": "ns", "better": "less"}, {"name": "max, ns", "better": null}]));
        let (ours, peer) = (&table["rows"][0], &table["rows"][1]);
        assert_eq!(
            (&ours["name"], &ours["whose"], &peer["whose"]),
            (&json!("tagring"), &json!("ours"), &json!("peer"))
        );
        let one = |figure: f64| json!({"min": figure, "low": figure, "median": figure, "high": figure, "max": figure});
        let at = "at any distance of the cores";
        assert_eq!(ours["at"], json!({at: {"columns": [one(2.0), one(9.0)], "curve_ns": [1.0, 2.0]}}));
        assert_eq!(peer["at"], json!({at: {"columns": [one(1.0), null], "curve_ns": []}}));
        assert_eq!(
            peer["rounds"],
            json!([{"apart": at, "figures": [1.0, null]}, {"apart": at, "figures": [1.0, null]}])
        );
        let behind = json!([{"apart": at, "ours": "tagring", "peer": "a peer", "column": "ns", "ratio": one(2.0),
                             "why": "It adds twice."}]);
        assert_eq!(table["behind"], behind);
        assert_eq!(
            part["courses"],
            json!([{"title": "t", "height": "ms", "lines": [{"name": "a", "points": [[0.0, 1.0]]}]}])
        );
        let bar = json!({"part": "sums", "what": format!("sums; {at}"), "against": "a peer",
                         "asked": {"sense": "at_most", "ratio": 1.5}, "form": "ratio", "ratio": one(2.0), "met": false});
        assert_eq!(object["bars"], json!([bar]));
    }
}
