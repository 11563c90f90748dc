//~ error: View::Quote(_))` not covered
tagring::events! {
    pub mod market;
    pub struct Trade = 1, v1 { pub price: i64 }
    pub struct Quote = 2, v1 { pub bid: i64 }
}

fn price(event: &tagring::event::Event) -> i64 {
    match market::View::of(event) {
        Some(market::View::Trade(trade)) => trade.price,
        None => 0,
    }
}

fn main() {
    let _ = price;
}
