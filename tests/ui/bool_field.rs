//~ error: `bool` cannot be a field of a payload
tagring::events! {
    pub mod market;
    pub struct Halt = 1, v1 { pub halted: bool }
}

fn main() {}
