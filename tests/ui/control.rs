//~ ok
tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64, pub qty: u32, pub side: u8 where [b'B', b'S'], pub pad: [u8; 3] }
    pub struct Depth = 1023, v2 { pub levels: [[i64; 2]; 10] }
}
use tagring::bus::Bus;

fn main() {
    let (bus, mut publisher) = Bus::<market::Events>::builder("md").capacity(2).single().unwrap();
    publisher.try_publish(7, &market::Depth { levels: [[0; 2]; 10] }).unwrap();
    assert_eq!(bus.published(), 1);
}
