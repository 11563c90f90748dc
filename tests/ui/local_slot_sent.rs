//~ error: cannot be sent between threads safely
tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub price: i64 } }

fn main() {
    let (bus, _publisher) = tagring::bus::Bus::<market::Events>::builder("md").single().unwrap();
    let (recorder, _records) = tagring::testkit::Recorder::new(1);
    let mut slot = bus.slot("s").attach_here(recorder).unwrap();
    std::thread::spawn(move || slot.turn());
}
