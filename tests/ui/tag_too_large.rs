//~ error: a tag is an integer from 0 to 1023
tagring::events! {
    pub mod market;
    pub struct Trade = 1024, v1 { pub price: i64 }
}

fn main() {}
