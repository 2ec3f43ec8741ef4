//! An event as a row of its own.

use domain::Target;
use domain::session::Event;
use follower::{Id, moment, signed};
use nats::{Actor, AnyEvent, Fact};
use sqlx::types::Uuid;

use crate::table::event::EventRow;

/// Returns the row of an event; `link` is its link, or its session's.
pub(super) fn row(fact: &Fact, link: Option<Uuid>) -> EventRow {
    // A budget is told to every key, whoever spent it: no key is its author.
    let is_budget = matches!(fact.event, AnyEvent::Session(Event::BudgetReached { .. }));
    let (actor, key) = match fact.actor {
        Actor::Agent(_) if is_budget => ("timer", None),
        Actor::Chatter => ("chatter", None),
        Actor::Agent(key) => ("agent", Some(key.column())),
        Actor::Operator => ("operator", None),
        Actor::Timer => ("timer", None),
    };
    EventRow {
        shard: i32::from(fact.position.shard.0),
        sequence: signed(fact.position.sequence),
        index: i32::from(fact.position.index),
        agent: fact.address.agent.column(),
        link,
        session: match fact.address.target {
            Target::Agent | Target::Link(_) => None,
            Target::Session(session) => Some(session.column()),
        },
        at: moment(fact.at),
        kind: fact.event.wire_name(),
        actor,
        key,
        command: fact.command.column(),
        body: fact.event.to_bytes(),
    }
}
