//! Past sessions, each as a real short chat leaves it behind.

use anyhow::Result;
use command_service::Commands;
use domain::session::{EndReason, Reader};
use domain::{AgentId, KeyId, LinkId};
use futures_util::{StreamExt, TryStreamExt, stream};
use nats::Actor;

use crate::sessions;

/// Sessions of each link.
const SESSIONS_OF_LINK: usize = 50;
/// Links that are filled at once.
const LINKS_AT_ONCE: usize = 16;
/// Sessions of one link that are made at once.
const SESSIONS_AT_ONCE: usize = 4;

/// The agent that has the past.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) commands: Commands,
    pub(super) id: AgentId,
    pub(super) key: KeyId,
}

impl Agent {
    /// Adds so many sessions that are over, on links that are revoked.
    pub(super) async fn add_past(&self, sessions: usize) -> Result<()> {
        let links = (0..sessions).step_by(SESSIONS_OF_LINK).map(|first| (sessions - first).min(SESSIONS_OF_LINK));
        stream::iter(links).map(|sessions| self.add_link(sessions)).buffer_unordered(LINKS_AT_ONCE).try_collect().await
    }

    async fn add_link(&self, sessions: usize) -> Result<()> {
        let link = self.open_link(sessions).await?;
        let past = stream::iter(0..sessions).map(|number| self.chat(link, number));
        past.buffer_unordered(SESSIONS_AT_ONCE).try_collect::<()>().await?;
        self.close_link(link).await
    }

    /// Opens a link for so many sessions at once.
    pub(super) async fn open_link(&self, sessions: usize) -> Result<LinkId> {
        let new = sessions::new_link(sessions);
        let (link, _) = self.commands.create_link(self.id, Actor::Agent(self.key), new, None).await?;
        Ok(link)
    }

    /// Revokes a link, which ends its sessions.
    pub(super) async fn close_link(&self, link: LinkId) -> Result<()> {
        self.commands.revoke_link(self.id, Actor::Agent(self.key), link, true, None).await?;
        Ok(())
    }

    /// One chat from its start to its end: a message, a reply, both read.
    async fn chat(&self, link: LinkId, number: usize) -> Result<()> {
        let Self { commands, id, key } = self;
        let session = sessions::start(commands, *id, link, number).await?;
        let message = commands.post(session, Actor::Chatter, "1", "Hello! Is Friday at ten still free?").await?;
        commands.mark_read(session, Reader::Agent(*key), message.position.sequence).await?;
        let reply = commands.post(session, Actor::Agent(*key), "2", "It is, and I have put you down for it.").await?;
        commands.mark_read(session, Reader::Chatter, reply.position.sequence).await?;
        commands.end(session, Actor::Agent(*key), EndReason::AgentEnded, None).await?;
        Ok(())
    }
}
