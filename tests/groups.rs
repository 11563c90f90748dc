//! Groups: the events of a bus shared among slots by key, while members come, go, stick and die.

#[path = "groups/chance.rs"]
mod chance;
#[path = "groups/house.rs"]
mod house;
#[path = "groups/members.rs"]
mod members;
#[path = "groups/shards.rs"]
mod shards;
