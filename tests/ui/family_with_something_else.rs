//~ error: events!: a family may be declared `with deadline`, not `with deadlines`
tagring::events! {
    pub mod orders with deadlines;
    pub struct Order = 1, v1 { pub qty: i64 }
}

fn main() {}
