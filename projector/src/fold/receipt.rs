//! The receipts of decisions: where each outcome stands in the log.

use domain::Target;
use domain::session::Event;
use follower::{Id, signed};
use nats::{AnyEvent, Recorded};
use sqlx::types::Uuid;

use crate::table::receipt::ReceiptRow;

/// Returns the rows of a commit of a session's.
pub(super) fn rows(recorded: &Recorded, link: Uuid) -> impl Iterator<Item = ReceiptRow> {
    let events = recorded.commit.events.iter().zip(0_i16..);
    events.filter_map(move |(event, index)| match (recorded.address.target, event) {
        (Target::Session(session), AnyEvent::Session(Event::DecisionMade { question, .. })) => Some(ReceiptRow {
            question: question.column(),
            session: session.column(),
            agent: recorded.address.agent.column(),
            link,
            shard: i32::from(recorded.shard.0),
            sequence: signed(recorded.sequence),
            index,
            running_hash: recorded.running.0.to_vec(),
        }),
        _ => None,
    })
}
