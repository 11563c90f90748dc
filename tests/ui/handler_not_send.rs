//~ error: `Rc<u64>` cannot be sent between threads safely
use std::rc::Rc;
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;

struct Shared(Rc<u64>);

impl Handler for Shared {
    fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome {
        Outcome::Done
    }
}

fn main() {}
