//! Waiting for words and sending them: one shape of result.

use std::time::Duration;

use domain::agent::Scope;
use problem::{Code, Problem};
use rmcp::handler::server::router::tool::ToolRoute;
use schemars::JsonSchema;
use serde::Deserialize;

use super::turn::{Speech, Turn};
use super::{AnswerOrTask, Definition, Effect, seconds, tool};
use crate::agents::Agents;
use crate::args::Bound;
use crate::call::Call;
use crate::results::next_step::{Advice, NextStep};
use crate::results::received::{Conversation, Spoken, TurnOutcome, told};
use crate::tasks;
use crate::wait::scope::WaitScope;
use crate::wait::{WaitRequest, permit, receive};

const WAIT: Definition = Definition {
    name: "temp_chat_wait_for_messages",
    title: "Wait for messages",
    description: "Waits until people write, on one link, in one chat, or (neither) in all of yours; returns at once if something is there. \
        Pass the last next_cursor as after: it acknowledges all up to there. Without after you get all that is not acknowledged, as after a restart. \
        A time-out is no error. Not for history: that is temp_chat_read_messages.",
    effect: Effect::Acknowledges,
    scopes: &[Scope::Read],
};

const SEND: Definition = Definition {
    name: "temp_chat_send_message",
    title: "Send a message",
    description: "Says something in one chat (markdown), and returns what came since after. With wait_for_reply_seconds it waits for the answer, which saves a call. \
        If the person has said what you have not read, the result has held in place of sent: read its events, then decide anew. \
        Not for last words: temp_chat_end_session has a farewell. Repeat a failed call with the same idempotency_key: nothing is sent twice.",
    effect: Effect::Adds,
    scopes: &[Scope::Read, Scope::WriteMessages],
};

/// Arguments of [`WAIT`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Wait {
    #[serde(default)]
    #[schemars(with = "String")]
    link_id: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    session_id: Option<String>,
    /// The last `next_cursor` of the same or a wider scope.
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    /// 0 only looks.
    #[serde(default)]
    #[schemars(with = "f64")]
    timeout_seconds: Option<f64>,
    #[serde(default)]
    #[schemars(with = "i64")]
    limit: Option<u16>,
}

/// Arguments of [`SEND`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Send {
    session_id: String,
    /// At most 8000 characters.
    text: String,
    /// Your last `next_cursor`.
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    even_if_unread: bool,
    #[serde(default)]
    #[schemars(with = "f64")]
    wait_for_reply_seconds: Option<f64>,
    #[serde(default)]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

pub(super) fn routes() -> Vec<ToolRoute<Agents>> {
    let wait = [Bound::new("timeout_seconds", 0, 50).usually(25), Bound::new("limit", 1, 100).usually(20)];
    let send = [Bound::new("wait_for_reply_seconds", 0, 50).usually(0), Bound::new("idempotency_key", 1, 200)];
    vec![tool(WAIT, &wait, wait_for_messages), tool(SEND, &send, send_message)]
}

async fn wait_for_messages(call: Call, arguments: Wait) -> Result<AnswerOrTask<Conversation>, Problem> {
    let scope = WaitScope::of(&call, arguments.link_id.as_deref(), arguments.session_id.as_deref()).await?;
    let after = scope.open(&call, arguments.after.as_deref()).await?;
    let noting = after.map(|after| call.note(scope.rows, after));
    let asked = seconds(arguments.timeout_seconds.unwrap_or(25.0));
    let is_hopeless = is_hopeless(&call, &scope).await?;
    let patience = if is_hopeless { Duration::ZERO } else { asked };
    let request = WaitRequest { after, patience, limit: arguments.limit.unwrap_or(20), ..WaitRequest::default() };
    // As a task, a wait of no said length goes on.
    let as_task = if arguments.timeout_seconds.is_none() && !is_hopeless { tasks::OPEN_ENDED } else { patience };
    if let Some(task) = tasks::instead(&call, &scope, WaitRequest { patience: as_task, ..request }, None).await? {
        return Ok(AnswerOrTask::Task(Box::new(task)));
    }
    let permit = permit(&call, patience)?;
    let mut received = receive(&call, &scope, request, permit).await?;
    // A call with a time-out of 0 is over at once.
    received.timed_out |= asked.is_zero() && received.facts.is_empty();
    told(&call, &scope, received, noting, TurnOutcome::default()).await.map(AnswerOrTask::Answer)
}

async fn send_message(call: Call, arguments: Send) -> Result<AnswerOrTask<Spoken>, Problem> {
    let Send { session_id, text, after, wait_for_reply_seconds: wait, idempotency_key, even_if_unread } = arguments;
    let turn = Turn::begin(&call, &session_id, Speech { after: after.as_deref(), wait, even_if_unread }).await?;
    if text::is_blank(&text) {
        return Err(Code::TextEmpty.into());
    }
    let commands = call.app().commands();
    let key = idempotency_key.unwrap_or_else(|| commands.attempt());
    let posted = commands.post(turn.session(), turn.issuer(&call), &key, &text).await;
    turn.end(&call, posted.map(|receipt| (receipt, None))).await
}

/// Tells whether no event can come any more, so that a wait would be in vain.
async fn is_hopeless(call: &Call, scope: &WaitScope) -> Result<bool, Problem> {
    Ok(scope.is_over && NextStep::of(call, scope.rows, 0, false).await?.suggested_next == Advice::StopAndReport)
}
