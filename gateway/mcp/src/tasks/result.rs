//! The result of a task: what a wait tells, without all that depends on when or where it is asked for.

use agent_events::{CursorScope, Renderer};
use domain::Target;
use nats::{Position, TaskName};
use problem::Problem;
use rmcp::model::{CallToolResult, JsonObject};
use serde::Serialize;
use serde_json::Value;

use super::outcome::Burst;
use crate::call::Call;
use crate::results::answer::{Answer, MOST, fitting, refused, value};
use crate::results::event::{Named, result_event};
use crate::results::sent::Sent;

/// How many characters are left to what stands beside events.
const BESIDE: usize = 1_000;

/// What a finished task tells.
#[derive(Debug, Serialize)]
struct Finished {
    events: Vec<Value>,
    next_cursor: String,
    has_more: bool,
    timed_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
}

/// Writes the result of a task whose time passed with nothing.
pub(super) fn timed_out(call: &Call, name: &TaskName) -> JsonObject {
    let next_cursor = seal(call, name, name.after);
    written(Finished { events: vec![], next_cursor, has_more: false, timed_out: true, sent: name.sent.map(Sent::from) })
}

/// Writes the result of a task that received something, which counts as given from here on.
pub(super) async fn received(call: &Call, name: &TaskName, burst: Burst) -> Result<JsonObject, Problem> {
    let facts = burst.page.facts;
    let mut renderer = Renderer::with(call.app(), &call.principal, burst.page.vaults);
    renderer.prepare(&facts).await?;
    let named = Named { link: name.named_link, session: name.named_session };
    let mut events = Vec::with_capacity(facts.len());
    for fact in &facts {
        if let Some(event) = renderer.render(fact).await? {
            events.push((result_event(&event, named, false), fact));
        }
    }
    let shown: Vec<_> = events.iter().map(|(_, fact)| *fact).collect();
    let page = fitting(events.into_iter().map(|(event, _)| event), MOST - BESIDE);
    let given = shown.get(..page.items.len()).unwrap_or_default();
    let last = if page.cut { given.last().map(|fact| fact.position) } else { facts.last().map(|fact| fact.position) };
    let next_cursor = seal(call, name, last.unwrap_or(name.after));
    let has_more = burst.is_cut || page.cut;
    let result =
        written(Finished { events: page.items, next_cursor, has_more, timed_out: false, sent: name.sent.map(Sent::from) });
    call.has_given(given);
    Ok(result)
}

/// Writes the result of a task that cannot be answered: what the tool would have said.
pub(super) fn refusal(problem: &Problem) -> JsonObject {
    object(&refused(problem))
}

fn written(finished: Finished) -> JsonObject {
    object(&Answer::of(finished).into())
}

fn object(result: &CallToolResult) -> JsonObject {
    match value(result) {
        Value::Object(object) => object,
        _ => unreachable!("a result is an object"),
    }
}

fn seal(call: &Call, name: &TaskName, position: Position) -> String {
    let scope = match name.scope.target {
        Target::Agent => CursorScope::Agent,
        Target::Link(link) => CursorScope::Link(link),
        Target::Session(session) => CursorScope::Session(session),
    };
    call.agents.cursors.seal(name.scope.agent, scope, position)
}
