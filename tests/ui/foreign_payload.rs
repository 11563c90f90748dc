//~ error: this payload does not belong to the bus's family: its tag is not in it
tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub price: i64 } }
tagring::events! { pub mod orders; pub struct Fill = 2, v1 { pub price: i64 } }
use tagring::bus::Bus;

fn main() {
    let (_bus, mut publisher) = Bus::<market::Events>::builder("md").single().unwrap();
    publisher.try_publish(7, &orders::Fill { price: 1 }).unwrap();
}
