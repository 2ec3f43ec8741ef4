//! Waiting for words and sending them: one shape of result.

use std::time::Duration;

use agent_events::Renderer;
use app::WaitPermit;
use command_service::Receipt;
use domain::agent::Scope;
use domain::session::{Closing, Event as SessionEvent};
use domain::{Address, QuestionId};
use events::Moment;
use nats::{AnyEvent, EventId, Fact, Position, TaskSent};
use problem::{Code, Problem};
use query_service::Scope as RowScope;
use rmcp::handler::server::router::tool::ToolRoute;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{AnswerOrTask, Definition, Effect, tool};
use crate::agents::Agents;
use crate::args::Bound;
use crate::call::{Call, about_session};
use crate::position::Reading;
use crate::results::answer::{Answer, MOST, fitting};
use crate::results::event::{ResultEvent, result_event};
use crate::results::next_step::{Advice, NextStep};
use crate::results::sent::Sent;
use crate::tasks;
use crate::wait::scope::WaitScope;
use crate::wait::{Received, WaitRequest, permit, receive};

/// How many characters are left to what stands beside events: open sessions, cursors, advice.
const BESIDE: usize = 4_500;
/// How long a result waits for what its cursor acknowledged to be noted.
const NOTING: Duration = Duration::from_secs(2);

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
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    #[schemars(with = "f64")]
    wait_for_reply_seconds: Option<f64>,
    #[serde(default)]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

/// What waiting and sending return. A finished task has only what was there when it was over.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(extend("required" = ["events", "next_cursor", "has_more", "timed_out"]))]
pub(super) struct Conversation {
    now: Moment,
    #[schemars(with = "Vec<ResultEvent>")]
    events: Vec<Value>,
    next_cursor: String,
    has_more: bool,
    timed_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Sent>,
    #[serde(flatten)]
    next_step: NextStep,
}

pub(super) fn routes() -> Vec<ToolRoute<Agents>> {
    let wait = [Bound::new("timeout_seconds", 0, 50).usually(25), Bound::new("limit", 1, 100).usually(20)];
    let send = [Bound::new("wait_for_reply_seconds", 0, 50).usually(0), Bound::new("idempotency_key", 1, 200)];
    vec![tool(WAIT, &wait, wait_for_messages), tool(SEND, &send, send_message)]
}

async fn wait_for_messages(call: Call, arguments: Wait) -> Result<AnswerOrTask<Conversation>, Problem> {
    let scope = WaitScope::of(&call, arguments.link_id.as_deref(), arguments.session_id.as_deref()).await?;
    let after = scope.open(&call, arguments.after.as_deref()).await?;
    let noting = after.map(|after| note(&call, scope.rows, after));
    let asked = seconds(arguments.timeout_seconds.unwrap_or(25.0));
    let is_hopeless = is_hopeless(&call, &scope).await?;
    let patience = if is_hopeless { Duration::ZERO } else { asked };
    let request = WaitRequest { after, patience, limit: arguments.limit.unwrap_or(20), acknowledged: None };
    // As a task, a wait of no said length goes on.
    let as_task = if arguments.timeout_seconds.is_none() && !is_hopeless { tasks::OPEN_ENDED } else { patience };
    if let Some(task) = tasks::instead(&call, &scope, WaitRequest { patience: as_task, ..request }, None).await? {
        return Ok(AnswerOrTask::Task(Box::new(task)));
    }
    let permit = permit(&call, patience)?;
    let mut received = receive(&call, &scope, request, permit).await?;
    // A call with a time-out of 0 is over at once.
    received.timed_out |= asked.is_zero() && received.facts.is_empty();
    told(&call, &scope, received, noting, None).await.map(AnswerOrTask::Answer)
}

async fn send_message(call: Call, arguments: Send) -> Result<AnswerOrTask<Conversation>, Problem> {
    let turn = Turn::begin(&call, &arguments.session_id, arguments.after.as_deref(), arguments.wait_for_reply_seconds).await?;
    if text::is_blank(&arguments.text) {
        return Err(Code::TextEmpty.into());
    }
    let commands = call.app().commands();
    let key = arguments.idempotency_key.unwrap_or_else(|| commands.attempt());
    let receipt =
        commands.post(turn.session(), call.actor(), &key, &arguments.text).await.map_err(about_session(turn.reading.session))?;
    turn.end(&call, &receipt, None).await
}

/// The agent's turn to speak: what is found out before, so that what comes after is told without gap.
pub(super) struct Turn {
    scope: WaitScope,
    pub(super) reading: Reading,
    after: Option<Position>,
    patience: Duration,
    permit: Option<WaitPermit>,
    /// Up to where something was given before, if anything was; to speak acknowledges it.
    given: Option<u64>,
}

impl Turn {
    /// Prepares to send in a chat; a key with too many waits is refused before anything is sent.
    pub(super) async fn begin(call: &Call, session: &str, after: Option<&str>, wait: Option<f64>) -> Result<Self, Problem> {
        let scope = WaitScope::of_turn(call, session).await?;
        let RowScope::Session(session) = scope.rows else { unreachable!("the scope of a session is that session") };
        let after = scope.open(call, after).await?;
        let patience = seconds(wait.unwrap_or_default());
        let permit = permit(call, patience)?;
        let reading = Reading { agent: call.principal.agent, key: call.principal.key, session };
        let given = call.agents.positions.given(reading);
        Ok(Self { scope, reading, after, patience, permit, given })
    }

    /// Returns where to speak.
    pub(super) fn session(&self) -> Address {
        Address::session(self.reading.agent, self.reading.session)
    }

    /// Tells what was said and what came, waiting for more where that is wanted.
    pub(super) async fn end(
        self,
        call: &Call,
        receipt: &Receipt,
        question_id: Option<QuestionId>,
    ) -> Result<AnswerOrTask<Conversation>, Problem> {
        let Self { scope, reading, after, patience, permit, given } = self;
        call.app().wrote(reading.agent, receipt);
        let noting = after.map(|after| note(call, scope.rows, after));
        // What an earlier try of this very call was given, its caller may never have got.
        let acknowledged = given.filter(|_| after.is_none() && !receipt.replayed);
        let sent = Sent { event_id: receipt.event, question_id, replayed: receipt.replayed };
        let answer = async {
            if let Some(given) = acknowledged {
                call.agents.positions.acknowledge_session(call.app(), reading, given).await;
            }
            let request = WaitRequest { after, patience, limit: 20, acknowledged };
            if let Some(task) = tasks::instead(call, &scope, request, Some(TaskSent::from(sent))).await? {
                return Ok(AnswerOrTask::Task(Box::new(task)));
            }
            let received = receive(call, &scope, request, permit).await?;
            told(call, &scope, received, noting, Some(sent)).await.map(AnswerOrTask::Answer)
        };
        answer.await.map_err(|problem| sent_all_the_same(problem, receipt.event))
    }
}

/// Says that a message stands, though what followed cannot be told: a model that sent it again would say it twice.
fn sent_all_the_same(problem: Problem, event: EventId) -> Problem {
    let told = format!("The message was sent ({event}), but what came after it cannot be told. {}", problem.detail);
    Problem { detail: told.into(), ..problem }.next("Do not send it again: call temp_chat_wait_for_messages.")
}

/// Tells whether no event can come any more, so that a wait would be in vain.
async fn is_hopeless(call: &Call, scope: &WaitScope) -> Result<bool, Problem> {
    Ok(scope.is_over && NextStep::of(call, scope.rows, 0, false).await?.suggested_next == Advice::StopAndReport)
}

/// Notes beside the waiting what a cursor acknowledges, even if the client goes away.
fn note(call: &Call, scope: RowScope, upto: Position) -> JoinHandle<()> {
    let call = call.clone();
    tokio::spawn(async move { call.agents.positions.acknowledge(call.app(), &call.principal, scope, upto).await })
}

/// Writes the result: the events received, cut at an event where it would be too long.
async fn told(
    call: &Call,
    scope: &WaitScope,
    received: Received,
    noting: Option<JoinHandle<()>>,
    sent: Option<Sent>,
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
    if !has_more && given.iter().any(|fact| is_silence(fact)) {
        next_step.act_on_silence();
    }
    let conversation = Conversation {
        now: Moment(command_service::clock::now()),
        next_cursor: scope.seal(call, at),
        events: page.items,
        has_more,
        timed_out: received.timed_out,
        sent,
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

fn seconds(given: f64) -> Duration {
    Duration::try_from_secs_f64(given).unwrap_or_default()
}
