//! The accounts as text: publishers, then a table of slots with what each lost, by tag and reason.

use super::super::text::{thousands, time};
use super::timeline::memory;
use super::{Accounting, LOSSES, Lost, ModeAccount, PublisherAccount, SlotAccount};
use std::fmt::Write as _;
use tagring::guard::Mode;

/// Tags of a slot that are told of: those with most losses.
const TAGS: usize = 8;

/// What a report has of it: nothing, where all publishers and slots have had everything and nobody asked for an overload.
pub(in super::super) fn lines(accounting: &Accounting) -> String {
    let mut out = String::new();
    if !accounting.is_told() {
        return out;
    }
    let overload = accounting
        .overload
        .map_or_else(String::new, |factor| format!(": {factor} what slots that may lose can take was offered"));
    let _ = writeln!(out, "\naccounts{overload}");
    accounting.publishers.iter().for_each(|account| publisher(&mut out, account));
    let table = Table::of(accounting);
    table.head(&mut out);
    accounting.slots.iter().for_each(|slot| table.slot(&mut out, accounting, slot));
    foot(&mut out, accounting);
    out
}

fn publisher(out: &mut String, account: &PublisherAccount) {
    let name = format!("{}.{}", account.bus, account.publisher);
    let rejected = account.rejected.iter().filter(|(_, count)| *count > 0);
    let rejected: Vec<_> = rejected.map(|(reason, count)| format!(" + {} {reason}", thousands(*count))).collect();
    let (offered, published) = (thousands(account.offered), thousands(account.published));
    let _ = writeln!(out, "  publisher {name}: {offered} offered = {published} published{}", rejected.concat());
}

/// The columns that say something.
struct Table {
    name: usize,
    policy: usize,
    filtered: bool,
    holes: bool,
    lost: [bool; LOSSES.len()],
    in_flight: bool,
}

impl Table {
    fn of(accounting: &Accounting) -> Self {
        let slots = &accounting.slots;
        let name = slots.iter().map(|slot| slot.full_name().len()).max().unwrap_or(0);
        Self {
            name: name.max(24) + 2,
            policy: slots.iter().map(|slot| slot.policy.len()).max().unwrap_or(0).max(10) + 2,
            filtered: slots.iter().any(|slot| slot.filtered + slot.joined > 0),
            holes: slots.iter().any(|slot| slot.holes > 0),
            lost: std::array::from_fn(|at| slots.iter().any(|slot| slot.lost[at] > 0)),
            in_flight: slots.iter().any(|slot| slot.in_flight > 0),
        }
    }

    fn reasons(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.lost.len()).filter(|at| self.lost[*at])
    }

    fn head(&self, out: &mut String) {
        let _ = write!(
            out,
            "  {:<width$}{:<policy$}{:>13}{:>13}",
            "slot",
            "policy",
            "published",
            "delivered",
            width = self.name,
            policy = self.policy
        );
        self.reasons().for_each(|at| {
            let _ = write!(out, "{:>13}", LOSSES[at].to_string());
        });
        let more = [(self.filtered, "not for it"), (self.holes, "holes"), (self.in_flight, "left")];
        more.iter().filter(|(is_there, _)| *is_there).for_each(|(_, name)| {
            let _ = write!(out, "{name:>13}");
        });
        out.push('\n');
    }

    fn slot(&self, out: &mut String, accounting: &Accounting, slot: &SlotAccount) {
        let other = slot.filtered + slot.joined;
        let row = Row {
            published: slot.published,
            delivered: slot.delivered,
            lost: &slot.lost,
            other,
            holes: slot.holes,
            left: slot.in_flight,
        };
        self.row(out, &slot.full_name(), &slot.policy, &row);
        let mut tags: Vec<_> = slot.tags.iter().filter(|tag| tag.lost.iter().any(|count| *count > 0)).collect();
        tags.sort_by_key(|tag| std::cmp::Reverse(tag.lost.iter().sum::<u64>()));
        for tag in tags.iter().take(TAGS) {
            let published = accounting.published_of(slot.bus, &tag.tag);
            let (delivered, other) = (tag.delivered, tag.filtered);
            let row = Row { published, delivered, lost: &tag.lost, other, holes: 0, left: 0 };
            self.row(out, &format!("  {}", tag.tag), "", &row);
        }
        if tags.len() > TAGS {
            let _ = writeln!(out, "      and {} more tags with losses", tags.len() - TAGS);
        }
    }

    fn row(&self, out: &mut String, name: &str, policy: &str, row: &Row<'_>) {
        let shown = |count: u64| if count == 0 { "-".into() } else { thousands(count) };
        let (published, delivered) = (thousands(row.published), shown(row.delivered));
        let _ = write!(
            out,
            "  {name:<width$}{policy:<wide$}{published:>13}{delivered:>13}",
            width = self.name,
            wide = self.policy
        );
        let mut cell = |count| {
            let _ = write!(out, "{:>13}", shown(count));
        };
        self.reasons().for_each(|at| cell(row.lost[at]));
        let more = [(self.filtered, row.other), (self.holes, row.holes), (self.in_flight, row.left)];
        more.iter().filter(|(is_there, _)| *is_there).for_each(|(_, count)| cell(*count));
        out.push('\n');
    }
}

struct Row<'a> {
    published: u64,
    delivered: u64,
    lost: &'a Lost,
    other: u64,
    holes: u64,
    left: u64,
}

fn foot(out: &mut String, accounting: &Accounting) {
    let _ = match accounting.adds_up() {
        true => writeln!(out, "  every row adds up to what was published, and every slot's tags to its row"),
        false => {
            let wrong = accounting.slots.iter().filter(|slot| !slot.adds_up());
            let wrong: Vec<_> =
                wrong.map(|slot| format!("{} is {} in sum", slot.full_name(), thousands(slot.sum()))).collect();
            writeln!(out, "  THIS DOES NOT ADD UP, which is a fault of the program: {}", wrong.join(", "))
        }
    };
    if accounting.slots.iter().any(|slot| slot.in_flight > 0) {
        let _ = writeln!(out, "  left: published after the slot had ended, or not given to it before it did");
    }
    accounting.modes.iter().for_each(|account| modes(out, account));
    if let Some(memory) = memory(&accounting.over_time) {
        let [first, last, most] = memory.map(|bytes| format!("{:.0}", bytes as f64 / 1e6));
        let _ = writeln!(
            out,
            "  memory of the process: {first} MB when the feed began, {last} MB at the end, {most} MB at most"
        );
    }
}

/// A bus that was in another mode than its normal one, or left something out.
fn modes(out: &mut String, account: &ModeAccount) {
    let Some(snapshot) = account.modes.as_ref().filter(|_| account.changes() > 0) else { return };
    let worse = Mode::ALL.into_iter().filter(|mode| *mode != Mode::Normal && snapshot.entered[*mode as usize] > 0);
    let spent = worse.map(|mode| {
        let (times, ns) = (thousands(snapshot.entered[mode as usize]), snapshot.spent_ns[mode as usize]);
        format!("{mode} {times} x, {} in all", time(ns).trim_end())
    });
    let shed = account.shed().map(|(reason, count)| format!("{} by {}", thousands(count), reason.name()));
    let _ =
        writeln!(out, "  bus {}: {}; left out: {}", account.bus, spent.collect::<Vec<_>>().join(", "), shed.join(", "));
}

#[cfg(test)]
mod tests {
    use super::super::tests::two_slots;
    use super::*;

    #[test]
    fn losses_stand_by_slot_tag_and_reason() {
        let text = lines(&two_slots());
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        for row in [
            &["slot", "policy", "published", "delivered", "dropped"][..],
            &["md.book", "gate", "1,000", "1,000", "-"],
            &["md.recorder-slow", "drop-oldest", "1,000", "100", "900"],
            &["Quote", "660", "60", "600"],
            &["Trade", "340", "40", "300"],
        ] {
            assert!(rows.iter().any(|there| there == row), "{row:?} in {text}");
        }
        assert!(text.contains("1,010 offered = 1,000 published + 10 full"), "{text}");
        assert!(text.contains("every row adds up"), "{text}");
        let mut wrong = two_slots();
        wrong.slots[0].delivered += 1;
        assert!(lines(&wrong).contains("DOES NOT ADD UP, which is a fault of the program: md.book is 1,001 in sum"));
        assert_eq!(lines(&Accounting::default()), "");
    }
}
