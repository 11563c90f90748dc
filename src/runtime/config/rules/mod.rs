//! The rules of a configuration, wherever it comes from. Each file holds the rules of one matter and adds what it finds; none stops
//! at the first mistake. What is known only on the machine or with the events' types is checked elsewhere.

mod cores;
mod counts;
mod cycles;
mod degradation;
mod gates;
mod lanes;
mod names;
mod numbers;
mod overflow;
mod references;

use super::mistake::{Mistake, Mistakes, key_path};
use super::{BusConfig, Config, SlotConfig};

#[cfg(feature = "config")]
pub(super) use names::{alike, folded};
#[cfg(feature = "config")]
pub(super) use references::UNKNOWN_NAMES;

impl Config {
    /// Everything that is wrong with it: values out of range, names, references to what is not there, combinations that cannot work. What
    /// came from a file is checked by the [loader](Self::loader), which knows the lines.
    ///
    /// ```
    /// use tagring::runtime::config::{BusConfig, Config};
    ///
    /// let mut config = Config::default();
    /// config.buses.insert("md".into(), BusConfig { capacity_cells: 1_000, ..BusConfig::default() });
    /// let mistakes = config.mistakes();
    /// assert_eq!(mistakes.len(), 1);
    /// assert_eq!(
    ///     mistakes[0].to_string(),
    ///     "buses.md.capacity_cells = 1000: not a power of two; allowed: a power of two from 2 to 4294967296; take 1024 [TR-0705]"
    /// );
    /// ```
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        numbers::check(self, &mut found);
        names::check(self, &mut found);
        counts::check(self, &mut found);
        references::check(self, &mut found);
        cycles::check(self, &mut found);
        lanes::check(self, &mut found);
        overflow::check(self, &mut found);
        gates::check(self, &mut found);
        cores::check(self, &mut found);
        degradation::check(self, &mut found);
        found
    }

    /// The same as an error.
    ///
    /// # Errors
    /// All mistakes, where there is one.
    pub fn check(&self) -> Result<(), Mistakes> {
        let mistakes = self.mistakes();
        if mistakes.is_empty() { Ok(()) } else { Err(Mistakes(mistakes)) }
    }

    /// Buses with their key paths.
    fn buses_at(&self) -> impl Iterator<Item = (String, &BusConfig)> {
        self.buses.iter().map(|(name, bus)| (key_path(&["buses", name]), bus))
    }

    /// Slots of all buses with their key paths, and the names of their buses and theirs.
    fn slots_at(&self) -> impl Iterator<Item = (String, &str, &str, &SlotConfig)> {
        self.buses.iter().flat_map(|(bus, of)| {
            let at = move |name: &str| key_path(&["buses", bus, "slots", name]);
            of.slots.iter().map(move |(name, slot)| (at(name), bus.as_str(), name.as_str(), slot))
        })
    }
}
