//! What became of every event: while real threads run, and by tag under every policy that a slot can have.

mod policies;
mod threads;

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64 }
    pub struct Halt = 3, v1 { pub reason: u64 }
}
