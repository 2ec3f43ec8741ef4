//! What must be finished before anything is served: erasures that a crash or a restored backup left half done.

use domain::Target;
use domain::{link, session};
use futures_util::{StreamExt, TryStreamExt};

use std::time::Duration;

use crate::{Commands, Refusal};

/// How many owners of keys are looked up at once.
const LOOKED_UP_AT_ONCE: usize = 32;

/// Destroys the key of everything that the log says is erased; returns how many there were.
///
/// A restored backup of the keys may hold keys that were destroyed after it was made.
pub async fn finish_erasures(commands: &Commands) -> Result<u64, Refusal> {
    let owners = commands.inner.backbone.keys().owners().await?;
    futures_util::stream::iter(owners)
        .map(|owner| async move {
            let erased = match owner.target {
                Target::Agent => false,
                Target::Link(_) => {
                    let status = commands.inner.links.look(owner, Duration::MAX, |root| root.state.status).await?;
                    status == link::Status::Erased
                }
                Target::Session(_) => {
                    let status = commands.inner.sessions.look(owner, Duration::MAX, |root| root.state.status).await?;
                    status == session::Status::Erased
                }
            };
            if erased {
                commands.inner.backbone.keys().destroy(owner).await?;
            }
            Ok(u64::from(erased))
        })
        .buffer_unordered(LOOKED_UP_AT_ONCE)
        .try_fold(0, |all, one| async move { Ok(all + one) })
        .await
}
