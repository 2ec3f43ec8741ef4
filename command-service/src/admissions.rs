//! Admissions to a link: released by sessions that ended, fell idle or never started, and reserved again by those that resume.

use std::time::Duration;

use domain::link::{Passcode, Release};
use domain::session::{Command, Rejection, Session, Status};
use domain::{Address, Millis, Root, Target, link};
use nats::Actor;

use crate::executor::Request;
use crate::{Commands, Refusal, clock};

/// How long an admission is reserved for a session to start or resume.
pub(crate) const RESERVED_FOR: Millis = Millis::seconds(30);

impl Commands {
    /// Reserves an admission again, and resumes the idle session.
    pub(crate) async fn resume(&self, session: Address) -> Result<(), Refusal> {
        let link = self.inner.sessions.look(session, Duration::ZERO, |root| root.state.link).await?;
        let (Some(link), Target::Session(id)) = (link, session.target) else {
            return Err(Refusal::Session(Rejection::Unknown));
        };
        let start_before = clock::now() + RESERVED_FOR;
        let admit = link::Command::Admit {
            session: id,
            returning: true,
            start_before,
            passcode: Passcode::Missing,
            recipient: None,
            client: None,
        };
        self.send_link(Address::link(session.agent, link), Request::once(Actor::Chatter, admit)).await?;
        self.ask_session(session, Actor::Chatter, Command::Resume { start_before }).await?;
        Ok(())
    }

    /// Releases the admission of a session that ended, fell idle, or did not start in time and cannot start any more.
    pub(crate) async fn release(&self, link: Address, session: Address) -> Result<(), Refusal> {
        let Target::Session(id) = session.target else { return Err(Refusal::Session(Rejection::Unknown)) };
        let view = |root: &Root<Session>| (root.state.status, root.state.spent);
        let (status, spent) = self.inner.sessions.look(session, Duration::ZERO, view).await?;
        let (reason, spent) = match status {
            Status::Active => return Ok(()),
            Status::Ended | Status::Erased => (Release::Left, Some(spent)),
            // It may be resuming right now with a new reservation; the link decides. The agent may still write to it.
            Status::Idle => (Release::Idle, None),
            Status::Unknown => (Release::Unused, Some(spent)),
        };
        let release = link::Command::Release { session: id, reason, spent };
        self.send_link(link, Request::once(Actor::Timer, release)).await.map(drop)
    }
}
