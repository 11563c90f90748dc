//! [`Encoder`]: writes the messages that make up an exchange's order flow, as the exchange would. The synthetic session and
//! tests use it.

/// Appends length-prefixed messages to a vector. Prices are in units of 1e-4, sizes in whole shares.
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, start: 0 }
    }

    fn begin(&mut self, kind: u8, locate: u16, time_ns: u64) {
        self.start = self.out.len();
        self.out.extend_from_slice(&[0, 0, kind]);
        self.out.extend_from_slice(&locate.to_be_bytes());
        // Two bytes of tracking number, then the low six bytes of the time.
        self.out.extend_from_slice(&(time_ns & 0x0000_ffff_ffff_ffff).to_be_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn end(&mut self) {
        let len = (self.out.len() - self.start - 2) as u16;
        self.out[self.start..self.start + 2].copy_from_slice(&len.to_be_bytes());
    }

    /// `S`.
    pub fn system(&mut self, time_ns: u64, code: u8) {
        self.begin(b'S', 0, time_ns);
        self.put(&[code]);
        self.end();
    }

    /// `R`, of a common stock.
    pub fn directory(&mut self, locate: u16, time_ns: u64, symbol: &[u8; 8], round_lot: u32) {
        self.begin(b'R', locate, time_ns);
        self.put(symbol);
        self.put(b"QN");
        self.put(&round_lot.to_be_bytes());
        self.put(b"NCZ PN 1N");
        self.put(&0_u32.to_be_bytes());
        self.put(b"N");
        self.end();
    }

    /// `H`.
    pub fn trading(&mut self, locate: u16, time_ns: u64, symbol: &[u8; 8], state: u8) {
        self.begin(b'H', locate, time_ns);
        self.put(symbol);
        self.put(&[state, b' ']);
        self.put(b"    ");
        self.end();
    }

    /// `A`, or `F` where a participant is named.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message, in its order")]
    pub fn added(
        &mut self,
        locate: u16,
        time_ns: u64,
        order_id: u64,
        side: u8,
        shares: u32,
        symbol: &[u8; 8],
        price: u32,
        mpid: Option<[u8; 4]>,
    ) {
        self.begin(if mpid.is_some() { b'F' } else { b'A' }, locate, time_ns);
        self.put(&order_id.to_be_bytes());
        self.put(&[side]);
        self.put(&shares.to_be_bytes());
        self.put(symbol);
        self.put(&price.to_be_bytes());
        if let Some(mpid) = mpid {
            self.put(&mpid);
        }
        self.end();
    }

    /// `E`.
    pub fn executed(&mut self, locate: u16, time_ns: u64, order_id: u64, shares: u32, match_id: u64) {
        self.begin(b'E', locate, time_ns);
        self.put(&order_id.to_be_bytes());
        self.put(&shares.to_be_bytes());
        self.put(&match_id.to_be_bytes());
        self.end();
    }

    /// `C`, printable.
    pub fn executed_at(&mut self, locate: u16, time_ns: u64, order_id: u64, shares: u32, match_id: u64, price: u32) {
        self.begin(b'C', locate, time_ns);
        self.put(&order_id.to_be_bytes());
        self.put(&shares.to_be_bytes());
        self.put(&match_id.to_be_bytes());
        self.put(b"Y");
        self.put(&price.to_be_bytes());
        self.end();
    }

    /// `X`.
    pub fn cancelled(&mut self, locate: u16, time_ns: u64, order_id: u64, shares: u32) {
        self.begin(b'X', locate, time_ns);
        self.put(&order_id.to_be_bytes());
        self.put(&shares.to_be_bytes());
        self.end();
    }

    /// `D`.
    pub fn deleted(&mut self, locate: u16, time_ns: u64, order_id: u64) {
        self.begin(b'D', locate, time_ns);
        self.put(&order_id.to_be_bytes());
        self.end();
    }

    /// `U`.
    pub fn replaced(&mut self, locate: u16, time_ns: u64, order_id: u64, new_order_id: u64, shares: u32, price: u32) {
        self.begin(b'U', locate, time_ns);
        self.put(&order_id.to_be_bytes());
        self.put(&new_order_id.to_be_bytes());
        self.put(&shares.to_be_bytes());
        self.put(&price.to_be_bytes());
        self.end();
    }

    /// `P`.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message, in its order")]
    pub fn hidden(
        &mut self,
        locate: u16,
        time_ns: u64,
        side: u8,
        shares: u32,
        symbol: &[u8; 8],
        price: u32,
        match_id: u64,
    ) {
        self.begin(b'P', locate, time_ns);
        self.put(&0_u64.to_be_bytes());
        self.put(&[side]);
        self.put(&shares.to_be_bytes());
        self.put(symbol);
        self.put(&price.to_be_bytes());
        self.put(&match_id.to_be_bytes());
        self.end();
    }

    /// `Q`.
    #[allow(clippy::too_many_arguments, reason = "the fields of the message, in its order")]
    pub fn cross(
        &mut self,
        locate: u16,
        time_ns: u64,
        shares: u64,
        symbol: &[u8; 8],
        price: u32,
        match_id: u64,
        kind: u8,
    ) {
        self.begin(b'Q', locate, time_ns);
        self.put(&shares.to_be_bytes());
        self.put(symbol);
        self.put(&price.to_be_bytes());
        self.put(&match_id.to_be_bytes());
        self.put(&[kind]);
        self.end();
    }
}
