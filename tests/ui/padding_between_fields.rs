//~ error: events!: this payload has padding; order its fields from large to small and fill the rest with `pub pad: [u8; N]`
tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub side: u8, pub price: i64 }
}

fn main() {}
