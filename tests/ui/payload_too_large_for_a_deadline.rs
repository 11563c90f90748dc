//~ error: events!: a payload of a family with deadlines has at most 4064 bytes; publish the rest beside it as bytes
tagring::events! {
    pub mod orders with deadline;
    pub struct Order = 1, v1 { pub levels: [u64; 509] }
}

fn main() {}
