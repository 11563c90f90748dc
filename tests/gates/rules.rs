//! What is wrong with a gate is said when it is built or put up.

use super::{Events, stage};
use tagring::gate::{Dedup, Quota, Rate, RuleError, TimeOrder, Validate};
use tagring::tags;

fn validate() -> Validate<Events> {
    Validate::new()
}

fn said<T>(result: Result<T, RuleError>) -> String {
    result.err().expect("it is refused").to_string()
}

#[test]
fn issue_4560_a_rule_is_held_against_the_schema() {
    let cases = [
        (
            validate().range("Trad", "price", 1..=2),
            "rule: no event `Trad` in family market; did you mean `Trade`? There are Trade, Quote, Note [TR-0503]",
        ),
        (
            validate().range("Trade", "prize", 1..=2),
            "rule: Trade has no field `prize`; did you mean `price`? There are price, qty, side, flags, venue [TR-0920]",
        ),
        (
            validate().range("Trade", "zzzzzzzz", 1..=2),
            "rule: Trade has no field `zzzzzzzz`; take one of price, qty, side, flags, venue [TR-0920]",
        ),
        (
            validate().range("Note", "text", 1..=2),
            "rule: Note.text is `[u8; 8]`, rules are for integers and floats written as such; take another field, or write \
             its type out [TR-0921]",
        ),
        (
            validate().one_of("Quote", "ratio", [1]),
            "rule: Quote.ratio is `f64`, lists are for integers; give it a range [TR-0927]",
        ),
        (
            validate().range("Trade", "side", 1..=256),
            "rule: Trade.side is `u8`, which does not hold 256; take a value that it holds [TR-0922]",
        ),
        (
            validate().range("Trade", "qty", -1..=1),
            "rule: Trade.qty is `u32`, which does not hold -1; take a value that it holds [TR-0922]",
        ),
        (
            validate().range("Trade", "price", 0.5..=1.5),
            "rule: Trade.price is `i64`, which does not hold 0.5; take a value that it holds [TR-0922]",
        ),
        (
            validate().rule("Trade.price in 2..=1"),
            "rule: no value of Trade.price keeps it; write the lesser bound first, or at least one value [TR-0923]",
        ),
        (
            validate().range("Quote", "ratio", f64::NAN..=1.0),
            "rule: no value of Quote.ratio keeps it; write the lesser bound first, or at least one value [TR-0923]",
        ),
        (
            validate().one_of("Trade", "price", [0_i64; 0]),
            "rule: no value of Trade.price keeps it; write the lesser bound first, or at least one value [TR-0923]",
        ),
    ];
    for (result, text) in cases {
        assert_eq!(said(result), text);
    }
}

#[test]
fn issue_4560_a_rule_that_cannot_be_read_is_shown() {
    for text in [
        "",
        "Trade.price",
        "Trade in 1..=2",
        "Trade.price in",
        "Trade.price in 1..2",
        "Trade.price in 1..=inf",
        "Trade.price in 1,,2",
        "Trade.price in 'BB'",
        "Tra de.price in 1..=2",
        "Trade.price in \u{1b}[2J",
    ] {
        let shown = text.escape_debug();
        assert_eq!(
            said(validate().rule(text)),
            format!(
                "rule `{shown}`: not understood; write `Trade.price in 1..=1000`, or `Trade.side in 66, 83` [TR-0924]"
            )
        );
    }
    for text in ["Trade.price in 1..=2", " Trade.side in 'B', 'S'", "Trade.price in 1_000", "Quote.ratio in 1e-3..=2"] {
        assert!(validate().rule(text).is_ok(), "{text}");
    }
    assert!(said(validate().rule("Trade.price in 99999999999999999999..=1")).ends_with("[TR-0922]"));
}

#[test]
fn numbers_of_gates_have_bounds() {
    let cases = [
        (
            Rate::per_second(0, 1).map(drop),
            "rate: events a second is 0, allowed is 1 to 1000000000; take a value in that range [TR-0925]",
        ),
        (
            Rate::per_second(1, 1 << 30).map(drop),
            "rate: events at once is 1073741824, allowed is 1 to 16777216; take a value in that range [TR-0925]",
        ),
        (
            Dedup::new(0, 64).map(drop),
            "dedup: clients is 0, allowed is 1 to 65536; take a value in that range [TR-0925]",
        ),
        (
            Dedup::new(1, 65).map(drop),
            "dedup: window is 65, allowed is a power of two from 64 to 16777216; take 128 [TR-0928]",
        ),
        (
            Dedup::new(1, 1 << 25).map(drop),
            "dedup: window is 33554432, allowed is a power of two from 64 to 16777216; take 16777216 [TR-0928]",
        ),
        (
            TimeOrder::by_key(0).map(drop),
            "time_order: keys is 0, allowed is 1 to 16777216; take a value in that range [TR-0925]",
        ),
        (
            Quota::in_flight(0).map(drop),
            "quota: events in flight is 0, allowed is 1 to 4294967296; take a value in that range [TR-0925]",
        ),
    ];
    for (result, text) in cases {
        assert_eq!(said(result), text);
    }
    let group = |rate: Rate, name| rate.group(name, &tags![super::Trade], 1, 1);
    let twice = group(Rate::by_group(), "a").and_then(|rate| group(rate, "b"));
    assert_eq!(said(twice), "rate: tag 1 is in group a and in group b; take it out of one [TR-0926]");
    let (_, _, publisher, ..) = stage(8);
    assert_eq!(
        said(publisher.gate(Quota::in_flight(9).unwrap())),
        "quota: events in flight is 9, allowed is 1 to 8; take a value in that range [TR-0925]"
    );
}
