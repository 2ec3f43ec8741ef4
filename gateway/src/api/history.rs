//! Pages of a session's history, from the rows.

use events::{Audience, Event, present};
use nats::Position;
use query_service::{Filter, Range, Viewer};

use crate::app::App;
use crate::auth::Chatter;
use crate::problem::Problem;

/// A page of events, oldest first.
#[derive(Debug)]
pub(super) struct History {
    pub(super) events: Vec<Event>,
    /// Whether there are more in the direction of reading.
    pub(super) has_more: bool,
    /// Whether the rows were behind.
    pub(super) stale: bool,
    /// The first and the last event's place.
    pub(super) span: Option<(Position, Position)>,
}

/// Reads a page of a session's history, as fresh as what this process wrote.
pub(super) async fn read(app: &App, chatter: &Chatter, range: Range, limit: u16) -> Result<History, Problem> {
    let viewer = Viewer::Session(chatter.agent, chatter.session);
    let fresh = app.freshness(chatter.agent);
    let answer = app.queries().events(viewer, chatter.session, range, Filter::default(), limit, fresh).await?;
    let vault = answer.value.vaults.of(chatter.address());
    let facts = &answer.value.facts;
    let mut events = Vec::with_capacity(facts.len());
    for fact in facts {
        events.extend(present(fact, &vault, app.cursors(), Audience::Chatter)?);
    }
    let span = facts.first().zip(facts.last()).map(|(first, last)| (first.position, last.position));
    Ok(History { events, has_more: answer.value.has_more, stale: answer.stale, span })
}

/// Returns the place before everything of an agent's.
pub(super) fn beginning(app: &App, chatter: &Chatter) -> Position {
    Position { shard: app.backbone().shard_of(chatter.agent), sequence: 0, index: 0 }
}
