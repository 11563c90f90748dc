//~ error: `Order` is not a payload
struct Order {
    price: i64,
}

fn price(event: &tagring::event::Event) -> Option<i64> {
    event.get::<Order>().map(|order| order.price)
}

fn main() {
    let _ = price;
}
