//~ error: lifetime may not live long enough
use tagring::bus::{Context, Handler, Outcome};
use tagring::event::Event;

struct Keep(Option<&'static Event>);

impl Handler for Keep {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.0 = Some(event);
        Outcome::Done
    }
}

fn main() {}
