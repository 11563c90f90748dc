//! What a slot's policy takes, for whoever counts memory before it is taken.

use super::copying::Copying;
use super::overflow::{Policies, SlotOverflow};
use crate::event::{Family, TagSet};

/// Bytes of backlog and spills of a slot with these policies; 0 where it is waited for.
pub(crate) fn flow_bytes<F: Family>(
    slot: SlotOverflow,
    own: impl Iterator<Item = (TagSet, SlotOverflow)>,
    backlog: u64,
    keys: u64,
) -> u64 {
    let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
    let mut policies = Policies { slot, backlog: count(backlog), keys: count(keys), ..Policies::default() };
    own.for_each(|(tags, overflow)| policies.set(tags, overflow));
    if policies.is_evictable(&F::ALL) { Copying::<F::Cell>::bytes(&policies, &F::ALL) } else { 0 }
}

/// Bytes of a slot's account by tag, and by lane where there are several: three copies of a line for each.
pub(crate) fn account_bytes<F: Family>(lanes: u32) -> u64 {
    let lanes = if lanes > 1 { u64::from(lanes) + 1 } else { 0 };
    3 * 64 * (F::ALL.len() as u64 + 1 + lanes)
}
