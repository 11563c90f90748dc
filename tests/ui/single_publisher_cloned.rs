//~ error: no method named `clone` found
tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub price: i64 } }

fn main() {
    let (_bus, publisher) = tagring::bus::Bus::<market::Events>::builder("md").single().unwrap();
    let _second = publisher.clone();
}
