//~ error: events!: a payload is aligned to at most 8 bytes; split 128-bit fields into two of 64
tagring::events! {
    pub mod market;
    pub struct Notional = 1, v1 { pub value: u128 }
}

fn main() {}
