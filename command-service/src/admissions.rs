//! The places of a link: given back by sessions that left, fell idle or never came, and reserved again by those that return.

use std::time::Duration;

use domain::link::{Passcode, Release};
use domain::session::{Command, Rejection, Status};
use domain::{Address, CommandId, Millis, Target, link};
use nats::Actor;

use crate::{Commands, Refusal, chance, clock};

/// How long a place is reserved for a session to start or come back.
pub(crate) const RESERVED_FOR: Millis = Millis::seconds(30);

impl Commands {
    /// Reserves a place again, and brings the session back from idling.
    pub(crate) async fn resume(&self, session: Address) -> Result<(), Refusal> {
        let link = self.inner.sessions.look(session, Duration::ZERO, |root| root.state.link).await?;
        let (Some(link), Target::Session(id)) = (link, session.target) else {
            return Err(Refusal::Session(Rejection::Unknown));
        };
        let start_before = clock::now() + RESERVED_FOR;
        let admit =
            link::Command::Admit { session: id, returning: true, start_before, passcode: Passcode::Missing, recipient: None };
        self.ask_link(Address::link(session.agent, link), Actor::Chatter, CommandId::new(chance::bytes()), admit).await?;
        self.ask_session(session, Actor::Chatter, Command::Resume { start_before }).await?;
        Ok(())
    }

    /// Gives back the place of a session that ended or fell idle, or that never started and now cannot any more.
    pub(crate) async fn release(&self, link: Address, session: Address) -> Result<(), Refusal> {
        let Target::Session(id) = session.target else { return Err(Refusal::Session(Rejection::Unknown)) };
        let reason = match self.inner.sessions.look(session, Duration::ZERO, |root| root.state.status).await? {
            Status::Active => return Ok(()),
            Status::Ended | Status::Erased => Release::Left,
            // It may be coming back this very moment, in a place reserved anew.
            Status::Idle => Release::Idle,
            Status::Unknown => Release::Unused,
        };
        let release = link::Command::Release { session: id, reason };
        self.ask_link(link, Actor::Timer, CommandId::new(chance::bytes()), release).await.map(drop)
    }
}
