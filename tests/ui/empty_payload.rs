//~ error: events!: a payload has at least one field
tagring::events! {
    pub mod market;
    pub struct Tick = 1, v1 {}
}

fn main() {}
