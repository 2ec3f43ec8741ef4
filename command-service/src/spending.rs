//! What sessions spend of their link's budgets: each decides within what the link has granted it, and draws more when that is used up.

use std::time::{Duration, Instant};

use domain::budget::{Amounts, Reached, Span, Tally};
use domain::link::{self, Link};
use domain::session::{Command, Rejection, Session};
use domain::{Address, Root, SessionId, Target};
use nats::Actor;

use crate::executor::Request;
use crate::links::LINKS_SEEN_WITHIN;
use crate::talking::SESSIONS_SEEN_WITHIN;
use crate::{Commands, Receipt, Refusal, clock};

/// How long a request draws again while others of its session spend what it has drawn.
const DRAWN_FOR: Duration = Duration::from_secs(5);

impl Commands {
    /// Sends a request that spends: draws what it needs of the link's budgets, and resumes an idle session.
    pub(crate) async fn send_spending(&self, session: Address, request: Request<Command>) -> Result<Receipt, Refusal> {
        let began = Instant::now();
        let (mut has_resumed, mut has_renewed) = (false, false);
        loop {
            match self.send_within_grant(session, &request).await {
                Err(Refusal::Session(Rejection::Idle)) if !has_resumed => {
                    self.resume(session).await?;
                    has_resumed = true;
                }
                Err(Refusal::Session(Rejection::NeedsGrant { spent, cost })) if began.elapsed() < DRAWN_FOR => {
                    // Sent again without more, what is held is told so.
                    if self.is_still_read(session, &request.command).await? {
                        self.draw(session, spent, cost).await?;
                    }
                }
                Err(Refusal::Session(Rejection::NeedsGrant { .. })) => return Err(Refusal::Busy),
                Err(refusal @ Refusal::Session(Rejection::BudgetReached(Reached { of: Span::Session, .. }))) => {
                    if has_renewed || !self.renew_budget(session).await? {
                        return Err(refusal);
                    }
                    has_renewed = true;
                }
                sent => return sent,
            }
        }
    }

    async fn send_within_grant(&self, session: Address, request: &Request<Command>) -> Result<Receipt, Refusal> {
        let Some((at_link, id)) = self.link_of(session).await? else {
            return self.send_session(session, request.clone()).await;
        };
        let now = clock::now();
        let granted =
            self.inner.links.look(at_link, LINKS_SEEN_WITHIN, |root| root.state.granted(id, now, self.policy())).await?;
        let command = Command::Spend { granted, command: Box::new(request.command.clone()) };
        let Request { id, fingerprint, actor, .. } = *request;
        self.send_session(session, Request { id, fingerprint, actor, command }).await
    }

    /// Tells whether an agent's command has nothing unread before it, on the newest state: what is held draws nothing.
    async fn is_still_read(&self, session: Address, command: &Command) -> Result<bool, Refusal> {
        let Command::IfRead { read, .. } = command else { return Ok(true) };
        Ok(self.inner.sessions.look(session, Duration::ZERO, |root| root.state.is_read(*read)).await?)
    }

    /// Draws what a session is about to spend. No key is the author of what is told of a budget then: every key hears of it.
    async fn draw(&self, session: Address, spent: Tally, cost: Amounts) -> Result<(), Refusal> {
        let Some((at_link, id)) = self.link_of(session).await? else {
            return Err(Refusal::Session(Rejection::Unknown));
        };
        let draw = link::Command::Draw { session: id, spent, cost };
        self.send_drawing(at_link, id, Request::once(Actor::Timer, draw)).await
    }

    /// Sends a request to a link that grants a session something, and counts the bytes for the agent.
    pub(crate) async fn send_drawing(
        &self,
        at_link: Address,
        session: SessionId,
        request: Request<link::Command>,
    ) -> Result<(), Refusal> {
        let (agent, now, limit) = (at_link.agent, clock::now(), self.policy().agent_bytes_a_day);
        let used = self.inner.agent_days.on(agent, now);
        if used >= limit {
            return Err(Refusal::AgentBudgetReached { used, limit });
        }
        let granted = |root: &Root<Link>| root.state.granted.get(&session).map_or(0, |held| held.on(now).bytes);
        let before = self.inner.links.look(at_link, LINKS_SEEN_WITHIN, granted).await?;
        self.send_link(at_link, request).await?;
        let after = self.inner.links.look(at_link, LINKS_SEEN_WITHIN, granted).await?;
        self.inner.agent_days.add(agent, after.saturating_sub(before), now);
        Ok(())
    }

    /// Takes the link's budget for each session over, where it was changed since the session started; tells whether it was.
    async fn renew_budget(&self, session: Address) -> Result<bool, Refusal> {
        let Some((at_link, _)) = self.link_of(session).await? else { return Ok(false) };
        let of_link = |link: &Link| link.settings.as_ref().map(|settings| settings.budget.session);
        let wanted = self.inner.links.look(at_link, LINKS_SEEN_WITHIN, |root| of_link(&root.state)).await?;
        let held = |session: &Session| session.settings.as_ref().map(|settings| settings.budget);
        let held = self.inner.sessions.look(session, SESSIONS_SEEN_WITHIN, |root| held(&root.state)).await?;
        match wanted {
            Some(budget) if wanted != held => {
                self.ask_session(session, Actor::Timer, Command::SetBudget { budget }).await?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        }
    }

    /// Finds a session's link; none where it never started, or was pruned.
    async fn link_of(&self, session: Address) -> Result<Option<(Address, SessionId)>, Refusal> {
        let Target::Session(id) = session.target else { return Ok(None) };
        let link = self.inner.sessions.look(session, SESSIONS_SEEN_WITHIN, |root| root.state.link).await?;
        Ok(link.map(|link| (Address::link(session.agent, link), id)))
    }
}
