//! The one shape in which waiting, sending and asking are answered: what happened, and what to do next.

use std::borrow::Cow;
use std::time::Duration;

use agent_events::Renderer;
use domain::session::{Closing, Event as SessionEvent};
use events::Moment;
use nats::{AnyEvent, Fact};
use problem::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::answer::{Answer, MOST, fitting};
use super::event::{ResultEvent, result_event};
use super::next_step::NextStep;
use super::sent::Sent;
use crate::call::Call;
use crate::wait::Received;
use crate::wait::scope::WaitScope;

/// How many characters are left to what stands beside events: open sessions, cursors, advice.
const BESIDE: usize = 4_500;
/// How long a result waits for what its cursor acknowledged to be noted.
const NOTING: Duration = Duration::from_secs(2);

/// What waiting and sending return. A finished task has only what was there when it was over.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(extend("required" = ["events", "next_cursor", "has_more", "timed_out"]))]
pub(crate) struct Conversation {
    now: Moment,
    #[schemars(with = "Vec<ResultEvent>")]
    events: Vec<Value>,
    next_cursor: String,
    has_more: bool,
    timed_out: bool,
    #[serde(flatten)]
    #[schemars(skip)]
    outcome: TurnOutcome,
    #[serde(flatten)]
    next_step: NextStep,
}

/// What saying something returns: all that waiting does. Its schema tells what a program acts on first; the rest is in that of waiting.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Spoken(pub(crate) Conversation);

impl JsonSchema for Spoken {
    fn schema_name() -> Cow<'static, str> {
        "Spoken".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({"type": "string"});
        let held = json!({"type": "object"});
        let events = json!({"type": "array", "items": {"type": "object"}});
        let properties = json!({"held": held, "events": events, "next_cursor": text, "suggested_next": text});
        json_schema!({"type": "object", "properties": properties})
    }
}

/// What became of what the agent wanted to say, if it wanted to say something: one of the two.
#[derive(Debug, Default, Serialize)]
pub(crate) struct TurnOutcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<Sent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<UnreadWords>,
}

/// Why nothing was done: there is something to read first.
#[derive(Debug, Serialize)]
pub(crate) struct UnreadWords {
    /// How many messages and answers.
    pub(crate) unread: u32,
    /// What else can be done, for whoever is held again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<&'static str>,
}

/// Writes the result: the events received, cut at an event where it would be too long.
pub(crate) async fn told(
    call: &Call,
    scope: &WaitScope,
    received: Received,
    noting: Option<JoinHandle<()>>,
    outcome: TurnOutcome,
) -> Result<Answer<Conversation>, Problem> {
    let mut renderer = Renderer::with(call.app(), &call.principal, received.vaults);
    renderer.prepare(received.facts.iter().map(|received| &received.fact)).await?;
    let mut events = Vec::with_capacity(received.facts.len());
    for received in &received.facts {
        if let Some(event) = renderer.render(&received.fact).await? {
            events.push((result_event(&event, scope.named, received.redelivered), &received.fact));
        }
    }
    let facts: Vec<_> = events.iter().map(|(_, fact)| *fact).collect();
    let page = fitting(events.into_iter().map(|(event, _)| event), MOST - BESIDE);
    let given = facts.get(..page.items.len()).unwrap_or_default();
    let at = given.last().filter(|_| page.cut).map_or(received.at, |last| last.position);
    if let Some(noting) = noting
        && timeout(NOTING, noting).await.is_err()
    {
        tracing::debug!("what a cursor acknowledges is still being noted");
    }
    let has_more = received.has_more || page.cut;
    let mut next_step = NextStep::of(call, scope.rows, at.sequence, has_more).await?;
    if outcome.held.is_some() {
        next_step.act_on_unread();
    } else if !has_more && given.iter().any(|fact| is_silence(fact)) {
        next_step.act_on_silence();
    }
    let conversation = Conversation {
        now: Moment(command_service::clock::now()),
        next_cursor: scope.seal(call, at),
        events: page.items,
        has_more,
        timed_out: received.timed_out,
        outcome,
        next_step,
    };
    let answer = Answer::fitted(conversation, |conversation| conversation.next_step.open_sessions.pop().is_some());
    call.has_given(given);
    Ok(answer)
}

/// Tells whether a question's time was up: nobody waits for an answer, and yet it is for the agent to go on.
fn is_silence(fact: &Fact) -> bool {
    matches!(fact.event, AnyEvent::Session(SessionEvent::QuestionClosed { why: Closing::TimedOut, .. }))
}
