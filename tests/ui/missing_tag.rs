//~ error: events!: `Trade` has no tag; write `pub struct Trade = TAG, v1 { .. }` with an integer from 0 to 1023
tagring::events! {
    pub mod market;
    pub struct Trade, v1 { pub price: i64 }
}

fn main() {}
