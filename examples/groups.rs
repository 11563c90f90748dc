//! Shows three slots that share one bus by key, one of which fails on the way: the others take its keys over, and of each key every event is
//! handled once and in order.

use std::sync::mpsc;
use std::time::Duration;
use tagring::bus::{Bus, Context, Handler, Outcome, SlotThread};
use tagring::event::Event;

tagring::events! {
    pub mod orders;
    pub struct Fill = 1, v1 { pub number: u64, pub qty: i64 }
}
use orders::Fill;

/// Positions of the accounts that fall to this worker. What it has of them goes out with each event, so that a successor needs nothing from it.
struct Risk {
    sent: mpsc::Sender<(u32, u64)>,
    fails_at: Option<u64>,
}

impl Handler for Risk {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let Some(fill) = event.get::<Fill>() else { return Outcome::Dead };
        let _ = self.sent.send((event.key(), fill.number));
        if self.fails_at == Some(fill.number) {
            std::panic::resume_unwind(Box::new("this worker has had enough"));
        }
        Outcome::Done
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (bus, mut feed) = Bus::<orders::Events>::builder("orders").capacity(1024).single()?;
    let threads = [SlotThread::builder("one").start()?, SlotThread::builder("two").start()?];
    let group = bus.group("risk").build()?;
    let (sent, seen) = mpsc::channel();
    for (at, fails_at) in [None, Some(50), None].into_iter().enumerate() {
        let member = group.member(Risk { sent: sent.clone(), fails_at })?;
        bus.slot(&format!("risk-{at}")).attach(&threads[at % 2], member)?;
    }
    drop(sent);
    for number in 0..100 {
        (0..200).try_for_each(|account| feed.publish(account, &Fill { number, qty: 1 }).map(drop))?;
    }
    let mut next = [0; 200];
    let mut out_of_order = 0;
    for _ in 0..100 * 200 {
        let (account, number) = seen.recv_timeout(Duration::from_secs(10))?;
        out_of_order += u64::from(number != next[account as usize]);
        next[account as usize] = number + 1;
    }
    println!("{} members left, {out_of_order} of 20000 fills out of order", group.stats().members.len());
    Ok(())
}
