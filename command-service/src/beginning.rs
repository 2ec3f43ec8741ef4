//! The keys of links and sessions that begin: made before the first commit, which is sealed under them, and there after it.
//!
//! A key whose aggregate never begins is collected (`worker/unused_keys.rs`), so the two race. The creator appends the commit
//! and then looks for the key; the collector deletes the key and then looks for the commit. In whatever order the four steps
//! happen, at least one of the two sees what the other did, and both then put the key back. Neither needs a clock for it. What is
//! left is a process that ends between its two steps; the hour that a key is left alone at least covers it.

use std::time::Duration;

use domain::session::Session;
use domain::{Address, Root, Target, link, session};
use nats::NewKey;

use crate::{Commands, Refusal};

impl Commands {
    /// Makes the key of what is about to begin. Call it last: whatever is refused before leaves no key behind.
    pub(crate) async fn new_key(&self, owner: Address) -> Result<NewKey, Refusal> {
        Ok(self.inner.backbone.keys().create(owner).await?)
    }

    /// Makes sure that the key of what has just begun is there, after the append was acknowledged.
    pub(crate) async fn keep_key(&self, owner: Address, key: &NewKey) -> Result<(), Refusal> {
        if self.inner.backbone.keys().has(owner, key).await? { Ok(()) } else { self.put_back(owner, key).await }
    }

    /// Puts a key back that was collected while its aggregate began; not that of one which is over, for an erasure may have
    /// destroyed it.
    pub(crate) async fn put_back(&self, owner: Address, key: &NewKey) -> Result<(), Refusal> {
        let keys = self.inner.backbone.keys();
        if self.is_over(owner).await? {
            return Ok(());
        }
        keys.put_back(owner, key).await?;
        // An erasure ends its aggregate before it destroys the key: one that this key came too late for is seen here.
        if self.is_over(owner).await? {
            keys.destroy(owner).await?;
        }
        Ok(())
    }

    /// Destroys the key that was made for a session once more, if it has been erased since: this attempt came too late.
    pub(crate) async fn drop_key_of_erased(&self, session: Address, refusal: &Refusal) -> Result<(), Refusal> {
        let is_erased = |root: &Root<Session>| root.state.status == session::Status::Erased;
        if matches!(refusal, Refusal::Session(_)) && self.inner.sessions.look(session, Duration::ZERO, is_erased).await? {
            self.inner.backbone.keys().destroy(session).await?;
        }
        Ok(())
    }

    async fn is_over(&self, owner: Address) -> Result<bool, Refusal> {
        Ok(match owner.target {
            Target::Agent => false,
            Target::Link(_) => match self.inner.links.look(owner, Duration::ZERO, |root| root.state.status).await? {
                link::Status::Unknown | link::Status::Active | link::Status::Paused => false,
                link::Status::Expired | link::Status::Revoked | link::Status::Erased => true,
            },
            Target::Session(_) => match self.inner.sessions.look(owner, Duration::ZERO, |root| root.state.status).await? {
                session::Status::Unknown | session::Status::Active | session::Status::Idle => false,
                session::Status::Ended | session::Status::Erased => true,
            },
        })
    }
}
