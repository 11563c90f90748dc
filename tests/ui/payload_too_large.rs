//~ error: events!: a payload has at most 4072 bytes; publish the rest beside it as bytes
tagring::events! {
    pub mod market;
    pub struct Snapshot = 1, v1 { pub levels: [u64; 510] }
}

fn main() {}
