//~ error: events!: a version is written `v1`, `v2`, .. up to `v65535`
tagring::events! {
    pub mod market;
    pub struct Trade = 1, v65536 { pub price: i64 }
}

fn main() {}
