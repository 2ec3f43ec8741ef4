//! From commits to row changes: no IO, no clock; the same commits always give the same rows.

mod agent;
mod event;
mod link;
mod receipt;
mod session;

pub(crate) use session::reason_name;

use std::collections::BTreeSet;

use domain::{Target, Timestamp, link as links, session as sessions};
use follower::{Id, signed};
use nats::{Actor, AnyEvent, Recorded};
use sqlx::types::Uuid;

use crate::row_set::RowSet;
use crate::table::admission::AdmissionRow;
use crate::table::agent::{AgentRow, KeyRow};
use crate::table::event::EventRow;
use crate::table::link::LinkRow;
use crate::table::question::QuestionRow;
use crate::table::read_mark::ReadMarkRow;
use crate::table::receipt::ReceiptRow;
use crate::table::scheduled::{Cause, Schedule};
use crate::table::session::SessionRow;
use crate::table::unread;

/// Which rows a batch may change, so that they are read before it is folded.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Needs {
    /// Agents, with their keys.
    pub(crate) agents: BTreeSet<Uuid>,
    /// Links.
    pub(crate) links: BTreeSet<Uuid>,
    /// Links whose change concerns each of their open sessions.
    pub(crate) links_with_sessions: BTreeSet<Uuid>,
    /// Sessions.
    pub(crate) sessions: BTreeSet<Uuid>,
    /// Sessions whose places are taken or given back.
    pub(crate) admitted: BTreeSet<Uuid>,
    /// Sessions whose open questions may change.
    pub(crate) questioned: BTreeSet<Uuid>,
}

impl Needs {
    /// Looks through a batch.
    pub(crate) fn of(batch: &[Recorded]) -> Self {
        let mut needs = Self::default();
        for recorded in batch {
            for event in &recorded.commit.events {
                needs.add(recorded, event);
            }
        }
        needs
    }

    fn add(&mut self, recorded: &Recorded, event: &AnyEvent) {
        match (recorded.address.target, event) {
            (Target::Link(link), AnyEvent::Link(event)) => {
                self.links.insert(link.column());
                match event {
                    links::Event::Updated { .. } | links::Event::Revoked { .. } => {
                        self.links_with_sessions.insert(link.column());
                    }
                    links::Event::Admitted { session, .. } | links::Event::Released { session, .. } => {
                        self.admitted.insert(session.column());
                    }
                    links::Event::Opened { .. }
                    | links::Event::Paused
                    | links::Event::Resumed
                    | links::Event::TokenRotated { .. }
                    | links::Event::WebhookSet { .. }
                    | links::Event::Expiring { .. }
                    | links::Event::Expired
                    | links::Event::BudgetDrawn { .. }
                    | links::Event::BudgetReached { .. }
                    | links::Event::Blocked { .. }
                    | links::Event::AbuseNoticed { .. }
                    | links::Event::Erased => {}
                }
            }
            (Target::Session(session), AnyEvent::Session(event)) => {
                self.sessions.insert(session.column());
                match event {
                    sessions::Event::Started { link, .. } => {
                        self.links.insert(link.column());
                    }
                    sessions::Event::MessagePosted { from: sessions::Author::Agent(_), .. }
                    | sessions::Event::QuestionAsked { .. }
                    | sessions::Event::QuestionAnswered { .. }
                    | sessions::Event::DecisionMade { .. }
                    | sessions::Event::QuestionClosed { .. } => {
                        self.questioned.insert(session.column());
                    }
                    sessions::Event::MessagePosted { .. }
                    | sessions::Event::MarkedRead { .. }
                    | sessions::Event::WentIdle
                    | sessions::Event::Resumed
                    | sessions::Event::Rescheduled { .. }
                    | sessions::Event::Rated { .. }
                    | sessions::Event::HandoffOffered { .. }
                    | sessions::Event::HandoffMissed
                    | sessions::Event::DeviceAdded { .. }
                    | sessions::Event::DeviceForgotten { .. }
                    | sessions::Event::BudgetReached { .. }
                    | sessions::Event::BudgetSet { .. }
                    | sessions::Event::Reported { .. }
                    | sessions::Event::EndPlanned { .. }
                    | sessions::Event::EndCalledOff { .. }
                    | sessions::Event::Flooded { .. }
                    | sessions::Event::AbuseNoticed { .. }
                    | sessions::Event::Ended { .. }
                    | sessions::Event::Erased => {}
                }
            }
            // The codec reads an event by its subject's kind, so what is left is an agent's.
            (
                Target::Agent | Target::Link(_) | Target::Session(_),
                AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_),
            ) => {
                self.agents.insert(recorded.address.agent.column());
            }
        }
    }
}

/// The rows of a batch: as they stand in Postgres, then as its commits leave them.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) agents: RowSet<Uuid, AgentRow>,
    pub(crate) keys: RowSet<Uuid, KeyRow>,
    pub(crate) links: RowSet<Uuid, LinkRow>,
    pub(crate) sessions: RowSet<Uuid, SessionRow>,
    pub(crate) admissions: RowSet<Uuid, AdmissionRow>,
    pub(crate) questions: RowSet<(Uuid, Uuid), QuestionRow>,
    pub(crate) read_marks: RowSet<(Uuid, Option<Uuid>), ReadMarkRow>,
    pub(crate) receipts: Vec<ReceiptRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) unread: unread::Changes,
    pub(crate) schedule: Schedule,
}

/// What the folds of the single kinds need of a commit.
#[derive(Debug, Clone, Copy)]
struct Context {
    agent: Uuid,
    shard: i32,
    sequence: i64,
    at: Timestamp,
    /// The key that acted, if one did.
    key: Option<Uuid>,
}

impl Context {
    const fn cause(&self, link: Uuid) -> Cause {
        Cause { agent: self.agent, link, shard: self.shard, version: self.sequence }
    }
}

impl Rows {
    /// Takes in a commit. One that a row has taken in before changes nothing in it.
    pub(crate) fn take_in(&mut self, recorded: &Recorded) {
        let at = recorded.commit.at;
        let commit = Context {
            agent: recorded.address.agent.column(),
            shard: i32::from(recorded.shard.0),
            sequence: signed(recorded.sequence),
            at,
            key: match recorded.commit.actor {
                Actor::Agent(key) => Some(key.column()),
                Actor::Chatter | Actor::Operator | Actor::Timer => None,
            },
        };
        let known = match recorded.address.target {
            Target::Agent => self.agents.get(&commit.agent).map(|row| row.sequence),
            Target::Link(link) => self.links.get(&link.column()).map(|row| row.sequence),
            Target::Session(session) => self.sessions.get(&session.column()).map(|row| row.sequence),
        };
        if known.is_none_or(|known| known < commit.sequence) {
            for event in &recorded.commit.events {
                match (recorded.address.target, event) {
                    (Target::Link(link), AnyEvent::Link(event)) => self.fold_link(&commit, link, event),
                    (Target::Session(session), AnyEvent::Session(event)) => self.fold_session(&commit, session, event),
                    (_, AnyEvent::Agent(event)) => self.fold_agent(&commit, event),
                    (Target::Agent | Target::Link(_) | Target::Session(_), AnyEvent::Link(_) | AnyEvent::Session(_)) => {}
                }
            }
        }
        let link = recorded.commit.link.map(|link| link.column()).or_else(|| self.link_of(recorded.address.target));
        self.receipts.extend(link.into_iter().flat_map(|link| receipt::rows(recorded, link)));
        self.events.extend(recorded.facts().map(|fact| event::row(&fact, link)));
    }

    fn link_of(&self, target: Target) -> Option<Uuid> {
        match target {
            Target::Agent => None,
            Target::Link(link) => Some(link.column()),
            Target::Session(session) => self.sessions.get(&session.column()).map(|row| row.link),
        }
    }
}
