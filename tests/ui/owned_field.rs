//~ error: `String` cannot be a field of a payload
tagring::events! {
    pub mod market;
    pub struct News = 1, v1 { pub text: String }
}

fn main() {}
