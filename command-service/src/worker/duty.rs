//! Sends scheduled commands, and translates their answers into verdicts on their rows.

use std::time::Duration;

use domain::{Address, AgentId, LinkId, Millis, SessionId, link, session};
use nats::Actor;

use super::scheduled::{Due, Verdict};
use crate::executor::Request;
use crate::{Commands, Refusal, clock};

/// After how long the erasure of a link that is still in use is tried again.
const IN_USE_FOR: Millis = Millis::minutes(1);

impl Commands {
    /// Sends the command behind a row.
    pub(super) async fn send(&self, due: &Due) -> Verdict {
        let agent = AgentId::new(due.agent.into_bytes());
        let link = Address::link(agent, LinkId::new(due.link.into_bytes()));
        let session = Address::session(agent, SessionId::new(due.target.into_bytes()));
        let sent = match (due.target_kind.as_str(), due.purpose.as_str()) {
            ("link", "warn") => self.send_timed_link(link, link::Command::Warn).await,
            ("link", "expire") => self.send_timed_link(link, link::Command::Expire).await,
            ("link", "erase") => self.erase_link_when_due(link).await.map(drop),
            ("session", "release_unused" | "release") => self.release(link, session).await,
            ("session", "expire") => self.send_timed_session(session, session::Command::Expire).await,
            ("session", "idle") => self.send_timed_session(session, session::Command::GoIdle).await,
            ("session", "time_out_questions") => self.send_timed_session(session, session::Command::TimeOutQuestions).await,
            ("session", "end_as_planned") => self.send_timed_session(session, session::Command::EndAsPlanned).await,
            ("session", "end_with_link") => self.end_with_link(session).await.map(drop),
            ("session", "reschedule") => self.reschedule(link, session).await,
            ("session", "erase") => self.erase_when_due(session).await.map(drop),
            (kind, purpose) => return Verdict::Failed(format!("this version knows no scheduled command {kind} {purpose}")),
        };
        verdict(sent)
    }

    async fn send_timed_link(&self, link: Address, command: link::Command) -> Result<(), Refusal> {
        self.send_link(link, Request::once(Actor::Timer, command)).await.map(drop)
    }

    async fn send_timed_session(&self, session: Address, command: session::Command) -> Result<(), Refusal> {
        self.ask_session(session, Actor::Timer, command).await.map(drop)
    }

    /// Moves a session's end to its link's.
    async fn reschedule(&self, link: Address, session: Address) -> Result<(), Refusal> {
        let end = |root: &domain::Root<link::Link>| root.state.settings.as_ref().map(|settings| settings.expires_at);
        match self.inner.links.look(link, Duration::ZERO, end).await? {
            Some(expires_at) => self.send_timed_session(session, session::Command::Reschedule { expires_at }).await,
            None => Ok(()),
        }
    }
}

/// Translates an answer into a verdict: most refusals mean that nothing is left to do.
fn verdict(sent: Result<(), Refusal>) -> Verdict {
    match sent {
        Ok(())
        | Err(
            Refusal::Session(
                session::Rejection::StillOpen
                | session::Rejection::Unknown
                | session::Rejection::Erased
                | session::Rejection::Ended { .. },
            )
            | Refusal::Link(link::Rejection::Unknown | link::Rejection::Erased),
        ) => Verdict::Done,
        Err(Refusal::Link(link::Rejection::NotDue { until }) | Refusal::Session(session::Rejection::NotDue { until })) => {
            Verdict::Later(until)
        }
        Err(Refusal::Link(link::Rejection::InUse)) => Verdict::Later(clock::now() + IN_USE_FOR),
        Err(
            refusal @ (Refusal::LogFull
            | Refusal::Busy
            | Refusal::Unavailable(nats::Error::Unavailable(_) | nats::Error::Unknown { .. })),
        ) => Verdict::NotNow(refusal.to_string()),
        Err(
            refusal @ (Refusal::Agent(_)
            | Refusal::Link(_)
            | Refusal::Session(_)
            | Refusal::IdReused
            | Refusal::KeyInvalid
            | Refusal::KeyExpired { .. }
            | Refusal::ClientIdUsed
            | Refusal::TooManyReturns { .. }
            | Refusal::AgentBudgetReached { .. }
            | Refusal::Unavailable(_)
            | Refusal::Unreadable(_)
            | Refusal::AnswerInvalid(_)
            | Refusal::Form(_)
            | Refusal::Passcode(_)),
        ) => Verdict::Failed(refusal.to_string()),
    }
}
