//! Runs before anything is served: a restored backup of the keys may hold keys that were destroyed after it was made.

use domain::Target;
use domain::{link, session};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Commands, Refusal};

/// How many keys are destroyed at once.
const DESTROYED_AT_ONCE: usize = 32;

/// Destroys the keys of all links and sessions that the log records as erased; returns how many there were.
///
/// An erasure is an aggregate's last event, so its last commit tells. Erasures that were only begun are finished by the worker.
pub async fn finish_erasures(commands: &Commands) -> Result<u64, Refusal> {
    let backbone = &commands.inner.backbone;
    let owners = backbone.keys().owners().await?;
    let last = backbone.store().last_of(&owners).await?;
    let erased = last.into_iter().filter(|(owner, last)| {
        let erasure = match owner.target {
            Target::Agent => return false,
            Target::Link(_) => link::Event::Erased.wire_name(),
            Target::Session(_) => session::Event::Erased.wire_name(),
        };
        last.types.split(',').any(|name| name == erasure)
    });
    stream::iter(erased)
        .map(|(owner, _)| async move { backbone.keys().destroy(owner).await })
        .buffer_unordered(DESTROYED_AT_ONCE)
        .try_fold(0, |count, ()| async move { Ok(count + 1) })
        .await
        .map_err(Refusal::from)
}
