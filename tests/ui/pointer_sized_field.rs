//~ error: `usize` cannot be a field of a payload
tagring::events! {
    pub mod market;
    pub struct Depth = 1, v1 { pub levels: usize }
}

fn main() {}
