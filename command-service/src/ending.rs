//! Ends sessions and links and erases their texts: the key is destroyed first, then the event is appended, so that the event is
//! always true.

use std::time::Duration;

use domain::link::{self, Link};
use domain::session::{Command, EndReason, Rejection, Session, Status};
use domain::{Address, CommandId, Millis, Root};
use nats::{Actor, Field};

use crate::executor::Request;
use crate::seal::Seal;
use crate::{Commands, Issuer, Receipt, Refusal, clock, random};

impl Commands {
    /// Ends the chat; ending it again changes nothing. It is held where an agent has not read what it says that it has.
    pub async fn end(
        &self,
        session: Address,
        issuer: impl Into<Issuer>,
        reason: EndReason,
        farewell: Option<&str>,
    ) -> Result<Receipt, Refusal> {
        let issuer = issuer.into();
        let id = CommandId::new(random::bytes());
        let farewell = match farewell {
            None => None,
            Some(text) => {
                let key = self.session_key(session).await?;
                Seal { key: &key, address: session, id }.optional(Field::Message, Some(text))
            }
        };
        self.send_session(session, Request::new(id, issuer.actor, issuer.bind(Command::End { reason, farewell }))).await
    }

    /// Says when the chat ends; any word of the person's calls it off, and another call moves it. It is held as the end is.
    pub async fn plan_end(
        &self,
        session: Address,
        issuer: impl Into<Issuer>,
        within: Millis,
        farewell: Option<&str>,
    ) -> Result<Receipt, Refusal> {
        let issuer = issuer.into();
        let id = CommandId::new(random::bytes());
        let key = self.session_key(session).await?;
        let farewell = Seal { key: &key, address: session, id }.optional(Field::Message, farewell);
        self.send_session(session, Request::new(id, issuer.actor, issuer.bind(Command::PlanEnd { within, farewell }))).await
    }

    /// Ends the chat if it is open, destroys the key of its texts, and only then appends that they are erased. A repeat finishes
    /// an
    /// interrupted erasure.
    pub async fn erase(&self, session: Address, actor: Actor) -> Result<Receipt, Refusal> {
        self.ask_session(session, actor, Command::End { reason: EndReason::Erased, farewell: None }).await?;
        self.inner.backbone.keys().destroy(session).await?;
        self.ask_session(session, actor, Command::Erase { requested: true }).await
    }

    /// As [`Self::erase`], once it is due.
    pub(crate) async fn erase_when_due(&self, session: Address) -> Result<Receipt, Refusal> {
        let view = |root: &Root<Session>| (root.state.status, root.state.erase_at());
        match self.inner.sessions.look(session, Duration::ZERO, view).await? {
            (Status::Ended, Some(until)) if clock::now() < until => return Err(Refusal::Session(Rejection::NotDue { until })),
            (Status::Ended | Status::Erased, _) => {}
            (Status::Unknown | Status::Active | Status::Idle, _) => return Err(Refusal::Session(Rejection::StillOpen)),
        }
        self.inner.backbone.keys().destroy(session).await?;
        self.ask_session(session, Actor::Timer, Command::Erase { requested: false }).await
    }

    /// Ends a session because its link was revoked, with the agent's closing message.
    pub(crate) async fn end_with_link(&self, session: Address) -> Result<Receipt, Refusal> {
        // Neither read may be older than the revocation that the projection has seen.
        let link = self.inner.sessions.look(session, Duration::ZERO, |root| root.state.link).await?;
        let at_link = Address::link(session.agent, link.ok_or(Refusal::Session(Rejection::Unknown))?);
        let revocation = self.inner.links.look(at_link, Duration::ZERO, |root| root.state.revocation.clone()).await?;
        let farewell = revocation.and_then(|revocation| revocation.farewell);
        let farewell = self.open_text(at_link, Field::Farewell, farewell.as_ref()).await?;
        self.end(session, Actor::Timer, EndReason::LinkRevoked, farewell.as_deref()).await
    }

    /// Erases a link's texts once that is due.
    pub(crate) async fn erase_link_when_due(&self, address: Address) -> Result<Receipt, Refusal> {
        let view = |root: &Root<Link>| (root.state.status, root.state.erase_at(), root.state.admissions.is_empty());
        match self.inner.links.look(address, Duration::ZERO, view).await? {
            (link::Status::Erased, ..) => {}
            (link::Status::Unknown, ..) => return Err(Refusal::Link(link::Rejection::Unknown)),
            (_, Some(until), true) if clock::now() >= until => {}
            (_, Some(until), true) => return Err(Refusal::Link(link::Rejection::NotDue { until })),
            (..) => return Err(Refusal::Link(link::Rejection::InUse)),
        }
        self.inner.backbone.keys().destroy(address).await?;
        self.send_link(address, Request::once(Actor::Timer, link::Command::Erase)).await
    }
}
