//! Sends built commands to the executor of their aggregate: chooses the space they may use, and makes receipts and refusals of
//! the outcomes.

use domain::{Address, AgentId, CommandId, Timestamp, agent, link, session};
use nats::{Actor, EventId, Position, Reserve};

use crate::executor::{Outcome, Request};
use crate::{Commands, Refusal};

/// The position of a command's answer in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The event that the command asked for; where it changed nothing, the aggregate's last one.
    pub position: Position,
    /// Its id.
    pub event: EventId,
    /// When it was recorded.
    pub at: Timestamp,
    /// Whether the very same command had been carried out before.
    pub replayed: bool,
}

/// The executors' futures are boxed, because callers hold several of them in futures of their own.
impl Commands {
    /// Sends an operator's command to an agent; it is never repeated.
    pub(crate) async fn ask_agent(&self, agent: AgentId, command: agent::Command) -> Result<Receipt, Refusal> {
        let reserve = match command {
            // A full log must not keep a stolen key valid.
            agent::Command::RevokeKey { .. } => Reserve::Ending,
            agent::Command::Register { .. }
            | agent::Command::IssueKey { .. }
            | agent::Command::RotateKey { .. }
            | agent::Command::SetWebhook { .. } => Reserve::Ordinary,
        };
        let request = Request::once(Actor::Operator, command);
        let outcome = self.inner.agents.execute(Address::agent(agent), request, reserve).await?;
        Ok(self.receipt(agent, &outcome))
    }

    /// Sends a command to a link under an id that no repeat with other content has.
    pub(crate) async fn ask_link(
        &self,
        address: Address,
        actor: Actor,
        id: CommandId,
        command: link::Command,
    ) -> Result<Receipt, Refusal> {
        self.send_link(address, Request::new(id, actor, command)).await
    }

    /// Sends a request to a link.
    pub(crate) async fn send_link(&self, address: Address, request: Request<link::Command>) -> Result<Receipt, Refusal> {
        let reserve = match request.command {
            link::Command::Revoke { .. }
            | link::Command::Expire
            | link::Command::Release { .. }
            | link::Command::Block { .. }
            | link::Command::Erase => Reserve::Ending,
            link::Command::Open(_)
            | link::Command::Update(_)
            | link::Command::Pause
            | link::Command::Resume
            | link::Command::RotateToken
            | link::Command::Warn
            | link::Command::Admit { .. }
            | link::Command::Draw { .. }
            | link::Command::NoticeAbuse { .. }
            | link::Command::SetWebhook { .. } => Reserve::Ordinary,
        };
        let outcome = Box::pin(self.inner.links.execute(address, request, reserve)).await?;
        Ok(self.receipt(address.agent, &outcome))
    }

    /// Sends a command to a session; it is never repeated.
    pub(crate) async fn ask_session(
        &self,
        address: Address,
        actor: Actor,
        command: session::Command,
    ) -> Result<Receipt, Refusal> {
        self.send_session(address, Request::once(actor, command)).await
    }

    /// Sends a request to a session.
    pub(crate) async fn send_session(&self, address: Address, request: Request<session::Command>) -> Result<Receipt, Refusal> {
        let reserve = reserve_of(&request.command);
        let outcome = Box::pin(self.inner.sessions.execute(address, request, reserve)).await?;
        Ok(self.receipt(address.agent, &outcome))
    }

    /// Makes the receipt of an outcome.
    pub(crate) fn receipt(&self, agent: AgentId, outcome: &Outcome) -> Receipt {
        let index = outcome.answer.events.saturating_sub(1);
        Receipt {
            position: Position { shard: self.inner.backbone.shard_of(agent), sequence: outcome.answer.sequence, index },
            event: EventId::of(&outcome.command, index),
            at: outcome.answer.at,
            replayed: outcome.replayed,
        }
    }
}

/// Returns which space of the log a command to a session may use.
fn reserve_of(command: &session::Command) -> Reserve {
    match command {
        session::Command::IfRead { command, .. } => reserve_of(command),
        session::Command::Rate { .. }
        | session::Command::ForgetDevice { .. }
        | session::Command::End { .. }
        | session::Command::EndAsPlanned
        | session::Command::Expire
        | session::Command::Erase { .. } => Reserve::Ending,
        session::Command::Start(_)
        | session::Command::Post { .. }
        | session::Command::Ask { .. }
        | session::Command::Answer { .. }
        | session::Command::Decide { .. }
        | session::Command::Withdraw { .. }
        | session::Command::TimeOutQuestions
        | session::Command::PlanEnd { .. }
        | session::Command::MarkRead { .. }
        | session::Command::GoIdle
        | session::Command::Resume { .. }
        | session::Command::Reschedule { .. }
        | session::Command::OfferHandoff { .. }
        | session::Command::TakeHandoff { .. }
        | session::Command::Report { .. }
        | session::Command::NoteFlood { .. }
        | session::Command::SetBudget { .. }
        | session::Command::Spend { .. } => Reserve::Ordinary,
    }
}
