//! The row of the program in Java, in any table: its figures, or why there are none.

use super::names::LMAX;
use super::{Setup, Size};
use crate::peers::lmax::{Absent, Lmax};
use crate::table::{Sample, Table};
use std::cell::RefCell;
use std::rc::Rc;

/// The program, started once for all tables of a part; or why it was not.
#[derive(Clone)]
pub(super) struct Java(Result<Rc<RefCell<Lmax>>, String>);

impl Java {
    /// Starts it. What it is asked for is to be asked a few times before it is measured: Java compiles what runs often.
    pub(super) fn start(setup: &Setup, warm_up: impl Fn(&mut Lmax) -> Result<(), Absent>) -> Self {
        if setup.size == Size::Tiny {
            return Self(Err("not at this size".into()));
        }
        let started = Lmax::start(setup.cores).and_then(|mut lmax| {
            (0..setup.pick(20, 5, 0)).try_for_each(|_| warm_up(&mut lmax))?;
            Ok(Rc::new(RefCell::new(lmax)))
        });
        Self(started.map_err(|absent| absent.to_string()))
    }

    /// Adds the row. Where the program fails in mid-run it says so, once, and has no figures from then on.
    pub(super) fn row<'a>(
        &self,
        table: Table<'a>,
        columns: usize,
        round: impl Fn(&mut Lmax) -> Result<Sample, Absent> + 'a,
    ) -> Table<'a> {
        let none = move || Sample::from(vec![f64::NAN; columns]);
        match self.0.clone() {
            Err(why) => table.peer(&format!("{LMAX}: {why}"), none),
            Ok(lmax) => {
                let mut has_failed = false;
                table.peer(LMAX, move || {
                    if has_failed {
                        return none();
                    }
                    round(&mut lmax.borrow_mut()).unwrap_or_else(|absent| {
                        has_failed = true;
                        eprintln!("{LMAX}: {absent}");
                        none()
                    })
                })
            }
        }
    }
}
