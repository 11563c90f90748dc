//! [`Tape`]: what traded, per instrument: count, volume, notional, VWAP, and bars of the last minutes. Sums are exact.

/// Bars kept per instrument.
pub const BARS: usize = 64;

/// One bar: prices and size at 1e-8 a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// Start of its span.
    pub start_ns: u64,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Size traded.
    pub volume: i128,
}

/// What traded in one instrument.
#[derive(Clone, Debug)]
pub struct Tape {
    /// Trades.
    pub count: u64,
    /// Size traded, 1e-8 a unit.
    pub volume: i128,
    /// Sum of price times size, 1e-16 a unit.
    pub notional: i128,
    span_ns: u64,
    bars: [Bar; BARS],
    /// Bars begun so far.
    begun: usize,
}

impl Tape {
    /// An empty tape with bars of `span_ns`.
    ///
    /// # Panics
    /// Where `span_ns` is 0.
    pub fn new(span_ns: u64) -> Self {
        assert!(span_ns > 0, "a bar lasts at least a nanosecond");
        Self { count: 0, volume: 0, notional: 0, span_ns, bars: [Bar::default(); BARS], begun: 0 }
    }

    /// Takes a trade. One that is earlier than the newest bar counts into that bar.
    #[inline]
    pub fn trade(&mut self, price: i64, qty: i64, time_ns: u64) {
        self.count += 1;
        self.volume += i128::from(qty);
        // One trade of the largest price and size is half of what fits: it stops there rather than wrap.
        self.notional = self.notional.saturating_add(i128::from(price) * i128::from(qty));
        let newest = self.begun.wrapping_sub(1) % BARS;
        if self.begun == 0 || time_ns >= self.bars[newest].start_ns.saturating_add(self.span_ns) {
            let start_ns = time_ns - time_ns % self.span_ns;
            let bar = Bar { start_ns, open: price, high: price, low: price, close: price, volume: i128::from(qty) };
            self.bars[self.begun % BARS] = bar;
            self.begun += 1;
            return;
        }
        let bar = &mut self.bars[newest];
        bar.high = bar.high.max(price);
        bar.low = bar.low.min(price);
        bar.close = price;
        bar.volume += i128::from(qty);
    }

    /// Volume-weighted average price, 1e-8 a unit, rounded down; `None` before the first trade.
    pub fn vwap(&self) -> Option<i64> {
        (self.volume > 0).then(|| (self.notional / self.volume) as i64)
    }

    /// The bars kept, oldest first.
    pub fn bars(&self) -> impl Iterator<Item = &Bar> {
        (self.begun.saturating_sub(BARS)..self.begun).map(|at| &self.bars[at % BARS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trades_add_up_and_bars_are_bounded() {
        let mut tape = Tape::new(10);
        (0..1_000).for_each(|i| tape.trade(100 + i % 3, 2, i as u64));
        assert_eq!((tape.count, tape.volume), (1_000, 2_000));
        assert_eq!(tape.vwap(), Some(100));
        let bars: Vec<_> = tape.bars().collect();
        assert_eq!(bars.len(), BARS);
        assert!(bars.windows(2).all(|pair| pair[0].start_ns + 10 == pair[1].start_ns));
        assert_eq!((bars[0].low, bars[0].high, bars[0].volume), (100, 102, 20));
    }
}
