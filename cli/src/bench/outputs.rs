//! Where results go beside the screen: looked at before minutes go by, written at the end.

use super::{bars_plot, curves_plot};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use tagring_benches::suite::{Found, Part, Setup, report};
use tagring_benches::table::{Apart, Measured};

/// The files asked for.
pub(crate) struct Outputs<'a> {
    json: Option<&'a Path>,
    svg: Option<&'a Path>,
}

impl<'a> Outputs<'a> {
    /// Looks whether they can be written. A file that is there keeps its content until the end; the folder is made.
    ///
    /// # Errors
    /// One of them cannot.
    pub(crate) fn check(json: Option<&'a Path>, svg: Option<&'a Path>) -> Result<Self, String> {
        if let Some(path) = json {
            let is_new = !path.exists();
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .map_err(|error| unwritable("--json", path, &error))?;
            if is_new {
                // Best effort: what is left behind would be empty, and is replaced at the end.
                let _ = fs::remove_file(path);
            }
        }
        if let Some(folder) = svg {
            // A name that no plot has.
            let probe = folder.join(format!(".tagring-bench-{}", std::process::id()));
            let made = fs::create_dir_all(folder).and_then(|()| File::create_new(&probe)).map(drop);
            made.and_then(|()| fs::remove_file(&probe)).map_err(|error| unwritable("--svg", folder, &error))?;
        }
        Ok(Self { json, svg })
    }

    /// Writes them.
    ///
    /// # Errors
    /// One cannot be written after all; the others are.
    pub(crate) fn write(&self, setup: &Setup, done: &[(Part, Found)]) -> Result<(), String> {
        let json = self.json.map_or(Ok(()), |path| {
            fs::write(path, format!("{}\n", report(setup, done))).map_err(|error| unwritable("--json", path, &error))
        });
        let svg = self.svg.map_or(Ok(()), |folder| draw(folder, done));
        json.and(svg)
    }
}

fn unwritable(option: &str, path: &Path, error: &io::Error) -> String {
    format!("TR-3015: {option} {}: {error}; choose another place", path.display())
}

/// Draws every table, its curves, and every course: `PART-TABLE-DISTANCE.svg`, `..-curves.svg`, `PART-course-N.svg`.
fn draw(folder: &Path, done: &[(Part, Found)]) -> Result<(), String> {
    let write = |name: String, svg: Result<String, String>| {
        let path = folder.join(name);
        fs::write(&path, svg?).map_err(|error| unwritable("--svg", &path, &error))
    };
    for (part, found) in done {
        let measured = found.tables.iter().enumerate().filter(|(_, table)| table.rounds_done() > 0);
        for (i, table) in measured {
            for apart in table.enough() {
                let name = format!("{}-{}-{}", part.name, i + 1, short(apart));
                write(format!("{name}.svg"), bars_plot::svg(table, apart))?;
                if has_curves(table, apart) {
                    write(format!("{name}-curves.svg"), curves_plot::latencies(table, apart))?;
                }
            }
        }
        for (i, course) in found.courses.iter().enumerate() {
            write(format!("{}-course-{}.svg", part.name, i + 1), curves_plot::course(course))?;
        }
    }
    Ok(())
}

fn has_curves(table: &Measured, apart: Apart) -> bool {
    table.rows().iter().any(|row| row.curve(apart).len() > 1)
}

/// A distance in a file's name.
fn short(apart: Apart) -> &'static str {
    match apart {
        Apart::OneCore => "one-core",
        Apart::Near => "near",
        Apart::Far => "far",
        Apart::Any => "any",
        Apart::Moved => "moved",
    }
}
