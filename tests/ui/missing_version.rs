//~ error: events!: `Trade` has no version; write `pub struct Trade = TAG, v1 { .. }`
tagring::events! {
    pub mod market;
    pub struct Trade = 1 { pub price: i64 }
}

fn main() {}
