//~ error: events!: two structs claim one tag; give each its own
tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64 }
    pub struct Print = 1, v1 { pub price: i64 }
}

fn main() {}
