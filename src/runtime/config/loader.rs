//! Loads a configuration from files, texts, the environment and code, laid over one another, and names everything that is wrong in any
//! of them at once.

use super::Config;
use super::document;
use super::mistake::{Mistake, Mistakes, Origin};
use super::node::Node;
use super::rules::UNKNOWN_NAMES;
use super::setting::{self, Setting};
use super::shape::SHAPE;
use super::structure::fitting;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a configuration comes from, in layers: a later one wins, key by key.
///
/// ```
/// use tagring::runtime::config::Config;
///
/// let config = Config::loader()
///     .text("trading.toml", "[buses.md]\ncapacity_cells = 4096\nslots_max = 8")
///     .variables([("TAGRING__BUSES__MD__SLOTS_MAX", "4")])
///     .set("runtime.name", "trading")
///     .load()?;
/// assert_eq!((config.buses["md"].capacity_cells, config.buses["md"].slots_max), (4096, 4));
/// # Ok::<(), tagring::runtime::config::Mistakes>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "nothing is read before `load`"]
pub struct Loader {
    layers: Vec<Layer>,
    rules: Vec<Arc<Rule>>,
}

/// What else may be wrong with a configuration.
type Rule = dyn Fn(&Config) -> Vec<Mistake> + Send + Sync;

#[derive(Clone, Debug)]
enum Layer {
    File(PathBuf),
    Text { name: String, toml: String },
    Variables(Vec<(OsString, OsString)>),
    Set { key: String, value: String },
}

impl Config {
    /// Loads a file, with the environment laid over it.
    ///
    /// # Errors
    /// All mistakes in both.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Mistakes> {
        Self::loader().file(path).environment().load()
    }

    /// Loads a TOML text. `name` stands for it in mistakes.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Mistakes> {
        Self::loader().text(name, text).load()
    }

    /// A loader without any layer: it gives the defaults.
    pub fn loader() -> Loader {
        Loader::default()
    }
}

impl Loader {
    /// Lays a TOML file over what came before.
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        self.with(Layer::File(path.as_ref().to_owned()))
    }

    /// Lays a TOML text over what came before. `name` stands for it in mistakes.
    pub fn text(self, name: impl Into<String>, toml: impl Into<String>) -> Self {
        self.with(Layer::Text { name: name.into(), toml: toml.into() })
    }

    /// Lays this process's environment over what came before: variables such as `TAGRING__BUSES__MD__CAPACITY_CELLS=4096`. Case does not
    /// matter, `_` also stands for `-`, and values are TOML; what is none is a string.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// Lays these variables over what came before, as if they were the environment.
    pub fn variables<N: Into<OsString>, V: Into<OsString>>(self, all: impl IntoIterator<Item = (N, V)>) -> Self {
        self.with(Layer::Variables(all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    /// Lays one value over what came before: `key` such as `buses.md.capacity_cells`, `value` as in a variable.
    pub fn set(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Layer::Set { key: key.into(), value: value.into() })
    }

    /// Holds the result also against `rule`, whose mistakes are told together with all others, each at the line of its key: such as
    /// [`crate::runtime::Plan::mistakes`], which knows the machine.
    pub fn also(mut self, rule: impl Fn(&Config) -> Vec<Mistake> + Send + Sync + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// Reads all layers and checks them.
    ///
    /// # Errors
    /// All mistakes in all layers, in the order of what was read.
    pub fn load(&self) -> Result<Config, Mistakes> {
        let mut reading = Reading::new();
        for layer in &self.layers {
            match layer {
                Layer::File(path) => match read_file(path) {
                    Ok(text) => reading.text(&path.display().to_string(), &text),
                    Err(mistake) => {
                        reading.mistakes.push(*mistake);
                        reading.is_whole = false;
                    }
                },
                Layer::Text { name, toml } => reading.text(name, toml),
                Layer::Variables(all) => {
                    let settings = setting::of_environment(all, &mut reading.mistakes);
                    settings.iter().for_each(|setting| reading.setting(setting));
                }
                Layer::Set { key, value } => reading.setting(&setting::of_code(key, value)),
            }
        }
        reading.finish(&self.rules, |file| self.layers.iter().position(|layer| layer.is_named(file)))
    }

    fn with(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }
}

impl core::fmt::Debug for Loader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Loader").field("layers", &self.layers).field("rules", &self.rules.len()).finish()
    }
}

impl Layer {
    fn is_named(&self, file: &str) -> bool {
        match self {
            Self::File(path) => path.display().to_string() == file,
            Self::Text { name, .. } => name == file,
            _ => false,
        }
    }
}

/// What has been read so far.
struct Reading {
    tree: Node,
    mistakes: Vec<Mistake>,
    /// Places where something is not TOML: what seems wrong there is a consequence.
    broken: BTreeSet<(String, usize)>,
    /// Whether all was read, so that what is not there is missing indeed.
    is_whole: bool,
}

impl Reading {
    fn new() -> Self {
        Self { tree: Node::table(Origin::Code), mistakes: Vec::new(), broken: BTreeSet::new(), is_whole: true }
    }

    fn text(&mut self, name: &str, text: &str) {
        let document = document::read(name, text);
        self.mistakes.extend(document.mistakes);
        self.is_whole &= document.broken.is_empty();
        self.broken.extend(document.broken.into_iter().map(|line| (name.to_owned(), line)));
        if self.tree.origin == Origin::Code {
            self.tree.origin = document.node.origin.clone();
        }
        self.lay(document.node);
    }

    fn setting(&mut self, setting: &Setting) {
        if let Some(node) = setting.tree(&self.tree, &mut self.mistakes) {
            self.lay(node);
        }
    }

    fn lay(&mut self, node: Node) {
        let mut found = Vec::new();
        if let Some(node) = fitting(node, &SHAPE, "", &mut found) {
            self.tree.overlay(node);
        }
        self.add(found);
    }

    /// Adds what is no consequence of something broken.
    fn add(&mut self, found: Vec<Mistake>) {
        let is_broken = |origin: &Origin| match origin {
            Origin::File { file, line, .. } => self.broken.contains(&(file.clone(), *line)),
            _ => false,
        };
        self.mistakes.extend(found.into_iter().filter(|mistake| !is_broken(&mistake.origin)));
    }

    fn finish(mut self, rules: &[Arc<Rule>], position: impl Fn(&str) -> Option<usize>) -> Result<Config, Mistakes> {
        match serde_json::from_value::<Config>(self.tree.plain()) {
            Ok(config) => {
                let mut found = config.mistakes();
                found.retain(|mistake| self.is_whole || !UNKNOWN_NAMES.contains(&mistake.code));
                // These look at the whole, of which a part may be missing.
                if self.is_whole && self.mistakes.is_empty() {
                    found.extend(rules.iter().flat_map(|rule| rule(&config)));
                }
                found.iter_mut().for_each(|mistake| self.tree.locate(mistake));
                self.add(found);
                if self.mistakes.is_empty() {
                    return Ok(config);
                }
            }
            // The shape lets nothing through that the types refuse; a test says so.
            Err(error) => self.mistakes.push(Mistake::new("TR-0708", "", "", error.to_string())),
        }
        self.mistakes.sort_by_cached_key(|mistake| match &mistake.origin {
            Origin::File { file, line, column } => {
                (position(file).unwrap_or(usize::MAX), *line, *column, String::new())
            }
            Origin::Variable { name } => (usize::MAX, 0, 0, name.clone()),
            // A file that was not read has no line.
            Origin::Code if mistake.path.is_empty() => (0, 0, 0, String::new()),
            Origin::Code => (usize::MAX, 1, 0, mistake.path.clone()),
        });
        Err(Mistakes(self.mistakes))
    }
}

/// Reads a file of bounded length.
fn read_file(path: &Path) -> Result<String, Box<Mistake>> {
    let name = path.display().to_string();
    let refuse = |code, what: &str, allowed: &str, remedy: &str| {
        Box::new(Mistake::new(code, "", &name, what).allowed(allowed).remedy(remedy))
    };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => refuse("TR-0701", "no such file", "", "check the path"),
        _ => {
            refuse("TR-0702", &format!("not read: {error}"), "a file that may be read", "check the path and its rights")
        }
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refuse("TR-0703", "too large", &format!("{FILE_BYTES_MAX} bytes"), "is it a configuration?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let what = "not UTF-8";
        let column = String::from_utf8_lossy(
            &before[before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1)..],
        )
        .chars()
        .count()
            + 1;
        let origin = Origin::File { file: name.clone(), line, column };
        Box::new(Mistake::new("TR-0704", "", "", what).allowed("UTF-8").remedy("save it as UTF-8").at(origin))
    })
}
