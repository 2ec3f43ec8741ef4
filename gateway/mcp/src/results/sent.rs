//! What became of a message or question, as a part of a result.

use domain::QuestionId;
use nats::{EventId, TaskSent};
use schemars::JsonSchema;
use serde::Serialize;

/// What became of a message.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Sent {
    #[schemars(with = "String")]
    pub(crate) event_id: EventId,
    /// The question, as its answers will name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) question_id: Option<QuestionId>,
    /// Whether this very message had been sent before.
    pub(crate) replayed: bool,
}

impl From<TaskSent> for Sent {
    fn from(TaskSent { event, question, replayed }: TaskSent) -> Self {
        Self { event_id: event, question_id: question, replayed }
    }
}

impl From<Sent> for TaskSent {
    fn from(Sent { event_id, question_id, replayed }: Sent) -> Self {
        Self { event: event_id, question: question_id, replayed }
    }
}
