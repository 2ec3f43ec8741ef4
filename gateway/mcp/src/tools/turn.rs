//! An agent's turn to say something in a chat: held where the person has said something that its key has not read.

use std::time::Duration;

use app::WaitPermit;
use command_service::{Issuer, Receipt, Refusal};
use domain::session::{EventPosition, Rejection};
use domain::{Address, QuestionId};
use nats::{EventId, Position, TaskSent};
use problem::Problem;
use query_service::Scope as RowScope;

use super::AnswerOrTask;
use crate::call::{Call, about_session};
use crate::given::Reading;
use crate::results::answer::Answer;
use crate::results::received::{Conversation, Spoken, TurnOutcome, UnreadWords, told};
use crate::results::sent::Sent;
use crate::tasks;
use crate::wait::scope::WaitScope;
use crate::wait::{WaitRequest, Wakes, permit, receive};

/// How many events one result tells.
const LIMIT: u16 = 20;
/// What is told to a key that is held for the second time in a row.
const HINT: &str = "Nothing was done. Pass this next_cursor as after, or even_if_unread true to go ahead all the same.";

/// The agent's turn to speak: what is found out before, so that what comes after is told without gap.
pub(super) struct Turn {
    scope: WaitScope,
    pub(super) reading: Reading,
    after: Option<Position>,
    patience: Duration,
    permit: Option<WaitPermit>,
    /// Up to where something was given before the call came, if anything was; to speak acknowledges it.
    given: Option<EventPosition>,
    /// What the key has read: what it says itself or, where it says nothing, what it has acknowledged and was given. None where it goes ahead
    /// whatever is unread.
    read: Option<EventPosition>,
}

/// What a tool takes that says something.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Speech<'a> {
    /// A cursor up to which all was read.
    pub(super) after: Option<&'a str>,
    /// How long to wait for a reply, in seconds.
    pub(super) wait: Option<f64>,
    /// Whether to go ahead whatever is unread.
    pub(super) even_if_unread: bool,
}

impl Turn {
    /// Prepares to speak in a chat; a key with too many waits is refused before anything is sent.
    pub(super) async fn begin(call: &Call, session: &str, speech: Speech<'_>) -> Result<Self, Problem> {
        let scope = WaitScope::of_turn(call, session).await?;
        let RowScope::Session(session) = scope.rows else { unreachable!("the scope of a session is that session") };
        let after = scope.open(call, speech.after).await?;
        let patience = super::seconds(speech.wait.unwrap_or_default());
        let permit = permit(call, patience)?;
        let given = call.given.filter(|(given, _)| *given == session).and_then(|(_, upto)| upto);
        let reading = call.reading(session);
        let read = match after {
            _ if speech.even_if_unread => None,
            Some(after) => Some(after.into()),
            None => {
                let given = given.max(call.agents.positions.late(reading));
                let read = call.app().commands().read_by(call.session(session), reading.key, given).await;
                Some(read.map_err(about_session(session))?)
            }
        };
        Ok(Self { scope, reading, after, patience, permit, given, read })
    }

    /// Returns where to speak.
    pub(super) fn session(&self) -> Address {
        Address::session(self.reading.agent, self.reading.session)
    }

    /// Returns on whose behalf to speak, with what its key has read.
    pub(super) fn issuer(&self, call: &Call) -> Issuer {
        Issuer { actor: call.actor(), read: self.read }
    }

    /// Tells what was said and what came, waiting for more where that is wanted; or, at once, that it was held, and what there is to read.
    pub(super) async fn end(
        self,
        call: &Call,
        said: Result<(Receipt, Option<QuestionId>), Refusal>,
    ) -> Result<AnswerOrTask<Spoken>, Problem> {
        match said {
            Ok((receipt, question_id)) => self.spoke(call, &receipt, question_id).await,
            Err(refusal) => self.refused(call, refusal).await.map(|held| AnswerOrTask::Answer(held.map(Spoken))),
        }
    }

    /// Notes that the turn was taken, and what its cursor acknowledges, where nothing is told of what came since.
    pub(super) fn taken(&self, call: &Call) {
        call.agents.given.spoke(self.reading);
        if let Some(after) = self.after {
            drop(call.note(self.scope.rows, after));
        }
    }

    /// Tells that it was held, and what there is to read; any other refusal is one.
    pub(super) async fn refused(self, call: &Call, refusal: Refusal) -> Result<Answer<Conversation>, Problem> {
        let (unread, last) = match refusal {
            Refusal::Session(Rejection::Unread { count, last }) => (count, last),
            refusal => return Err(about_session(self.reading.session)(refusal)),
        };
        let Self { scope, reading, after, .. } = self;
        let hint = (call.agents.given.held(reading) > 1).then_some(HINT);
        let request = WaitRequest { after, limit: LIMIT, upto: Some(last), ..WaitRequest::default() };
        // Nothing is acknowledged, and nothing waited for.
        let received = receive(call, &scope, request, None).await?;
        told(call, &scope, received, None, TurnOutcome { held: Some(UnreadWords { unread, hint }), sent: None }).await
    }

    async fn spoke(
        self,
        call: &Call,
        receipt: &Receipt,
        question_id: Option<QuestionId>,
    ) -> Result<AnswerOrTask<Spoken>, Problem> {
        let Self { scope, reading, after, patience, permit, given, .. } = self;
        call.app().wrote(reading.agent, receipt);
        call.agents.given.spoke(reading);
        let noting = after.map(|after| call.note(scope.rows, after));
        // What an earlier try of this very call was given, its caller may never have got.
        let acknowledged = given.filter(|_| after.is_none() && !receipt.replayed);
        let sent = Sent { event_id: receipt.event, question_id, replayed: receipt.replayed };
        let answer = async {
            if let Some(given) = acknowledged {
                call.agents.positions.acknowledge_session(call.app(), reading, given).await;
            }
            let request = WaitRequest { after, patience, limit: LIMIT, acknowledged, wakes: Wakes::Words, upto: None };
            if let Some(task) = tasks::instead(call, &scope, request, Some(TaskSent::from(sent))).await? {
                return Ok(AnswerOrTask::Task(Box::new(task)));
            }
            let received = receive(call, &scope, request, permit).await?;
            let told = told(call, &scope, received, noting, TurnOutcome { sent: Some(sent), held: None }).await?;
            Ok(AnswerOrTask::Answer(told.map(Spoken)))
        };
        answer.await.map_err(|problem| sent_all_the_same(problem, receipt.event))
    }
}

/// Says that a message stands, though what followed cannot be told: a model that sent it again would say it twice.
fn sent_all_the_same(problem: Problem, event: EventId) -> Problem {
    let told = format!("The message was sent ({event}), but what came after it cannot be told. {}", problem.detail);
    Problem { detail: told.into(), ..problem }.next("Do not send it again: call temp_chat_wait_for_messages.")
}
