//! Runs before anything is served: a restored backup of the keys may hold keys that were destroyed after it was made.

use std::collections::HashSet;

use domain::{Address, Target};
use domain::{link, session};
use futures_util::{StreamExt, TryStreamExt, stream};
use nats::Last;

use crate::{Commands, Refusal};

/// How many keys are looked up at once: a restored installation may have any number of them.
const PAGE: usize = 4_096;
/// How many keys are destroyed at once.
const DESTROYED_AT_ONCE: usize = 32;

/// Destroys the keys of all links and sessions that the log records as erased; returns how many there were.
///
/// An erasure is an aggregate's last event, so its last commit tells, or once that is gone a pruning record. Erasures that were only begun are finished by the worker.
pub async fn finish_erasures(commands: &Commands) -> Result<u64, Refusal> {
    let backbone = &commands.inner.backbone;
    let (mut after, mut count) = (0, 0);
    loop {
        let page = backbone.keys().page(after, PAGE).await?;
        let owners: Vec<Address> = page.keys.iter().map(|key| key.owner).collect();
        let last = backbone.store().last_of(&owners).await?;
        let mut dead: Vec<Address> =
            last.iter().filter(|(owner, last)| is_erased(*owner, last)).map(|(owner, _)| *owner).collect();
        let begun: HashSet<Address> = last.into_iter().map(|(owner, _)| owner).collect();
        for owner in owners.into_iter().filter(|owner| !begun.contains(owner)) {
            if backbone.pruned_at(owner).await?.is_some() {
                dead.push(owner);
            }
        }
        count += stream::iter(dead)
            .map(|owner| async move { backbone.keys().destroy(owner).await })
            .buffer_unordered(DESTROYED_AT_ONCE)
            .try_fold(0, |count, ()| async move { Ok(count + 1) })
            .await?;
        after = page.keys.last().map_or(after, |key| key.sequence);
        if page.is_last {
            return Ok(count);
        }
    }
}

/// Tells whether the last commit of a link or session says that it is erased.
pub(crate) fn is_erased(owner: Address, last: &Last) -> bool {
    let erasure = match owner.target {
        Target::Agent => return false,
        Target::Link(_) => link::Event::Erased.wire_name(),
        Target::Session(_) => session::Event::Erased.wire_name(),
    };
    last.types.split(',').any(|name| name == erasure)
}
