//! What goes with each type of event. An object that holds what a chatter typed says so: `"untrusted": true`.

use std::collections::BTreeSet;
use std::ops::Not;

use domain::abuse::{Level, Reason};
use domain::budget::{Measure, Reached, Span};
use domain::session::{Closing, EndReason, MessageKind, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::rfc3339::Moment;

/// An event's type and data.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Data {
    /// The chat began.
    SessionStarted {
        /// The name the chatter chose.
        #[serde(skip_serializing_if = "Option::is_none")]
        display_name: Option<String>,
        /// The chatter's language (BCP 47).
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        /// The label of the recipient by whose address the chatter came; for agents only.
        #[serde(skip_serializing_if = "Option::is_none")]
        recipient: Option<String>,
        /// Whether a chatter typed this.
        #[serde(skip_serializing_if = "Not::not")]
        untrusted: bool,
    },
    /// A long silence gave the place back.
    SessionIdle {},
    /// The chatter came back.
    SessionResumed {},
    /// Someone said something.
    Message {
        /// Who.
        from: Speaker,
        /// The words; none once they are erased.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The agent's markdown, made safe.
        #[serde(skip_serializing_if = "Option::is_none")]
        html: Option<String>,
        /// What it is beyond an ordinary message.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, example = "welcome")]
        kind: Option<MessageKind>,
        /// The id under which the chatter's client sent it; for the chatter only.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_message_id: Option<String>,
        /// Whether a chatter typed this.
        #[serde(skip_serializing_if = "Not::not")]
        untrusted: bool,
    },
    /// The agent asked typed questions.
    Question {
        /// The question.
        question_id: String,
        /// `intro?`, `fields`, `text`, and `if_silent?`, the values that count if nobody answers; of a decision `subject`, `payload` (the very text),
        /// `format` (`text`, `json`), `payload_sha256`, `allow`, and no fields; empty once they are erased.
        #[serde(flatten)]
        #[schema(value_type = Object)]
        form: Map<String, Value>,
        /// Whether the first complete answer closes it.
        #[serde(rename = "final", skip_serializing_if = "Not::not")]
        is_final: bool,
        /// Until when it takes answers.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        answer_by: Option<Moment>,
    },
    /// The chatter answered some or all fields.
    Answer {
        /// The question.
        question_id: String,
        /// `values` and `missing`; empty once they are erased.
        #[serde(flatten)]
        #[schema(value_type = Object)]
        answer: Map<String, Value>,
        /// Whether a chatter typed this.
        #[serde(skip_serializing_if = "Not::not")]
        untrusted: bool,
    },
    /// A decision was made, by the person or by silence; its question is closed with it.
    Decision {
        /// The question.
        question_id: String,
        /// `approved`, `edited`, `rejected`, `responded`, or `timed_out`, which approves nothing.
        #[schema(value_type = String, example = "approved")]
        verdict: Verdict,
        /// The SHA-256 of the payload that was shown, in hexadecimal; none once the words are erased.
        #[serde(skip_serializing_if = "Option::is_none")]
        payload_sha256: Option<String>,
        /// The payload that the person put in the place of the other.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        edited: Option<Value>,
        /// Why, or what the person responds.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What an agent is to do with it that could be missed.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        note: Option<String>,
        /// Who decided; for agents only.
        #[serde(skip_serializing_if = "DecidedBy::is_empty")]
        by: DecidedBy,
        /// What is signed of it: `GET /api/v1/agent/receipts/{receipt_id}`.
        receipt_id: String,
        /// Whether a chatter typed this.
        #[serde(skip_serializing_if = "Not::not")]
        untrusted: bool,
    },
    /// The question takes no answer any more.
    QuestionClosed {
        /// The question.
        question_id: String,
        /// `answered`, `replaced`, `withdrawn`, `timed_out` or `session_ended`.
        #[schema(value_type = String, example = "answered")]
        why: Closing,
        /// The question that took its place.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaced_by: Option<String>,
        /// What silence means, as the question had said.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        values: Option<Map<String, Value>>,
        /// Why the agent took it back, in its words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The agent said when it ends the chat; a word of the chatter's calls it off.
    EndPlanned {
        /// When.
        #[schema(value_type = String, format = DateTime)]
        at: Moment,
    },
    /// The planned end was called off.
    EndCalledOff {
        /// Who wrote something.
        by: Speaker,
    },
    /// Someone has read.
    Read {
        /// Who.
        by: Speaker,
        /// The cursor of the last event read.
        upto: String,
    },
    /// The chatter rated the chat.
    Rated {
        /// 1 to 5.
        rating: u8,
        /// A line to go with it.
        #[serde(skip_serializing_if = "Option::is_none")]
        feedback: Option<String>,
        /// Whether a chatter typed this.
        #[serde(skip_serializing_if = "Not::not")]
        untrusted: bool,
    },
    /// The session's limits changed.
    SessionUpdated {
        /// The new end.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        expires_at: Option<Moment>,
    },
    /// Nothing can be said any more.
    SessionEnded {
        /// Why.
        #[schema(value_type = String, example = "chatter_left")]
        reason: EndReason,
    },
    /// The words are gone.
    Erased {},
    /// The link expires in ten minutes; for agents only.
    LinkExpiring {
        /// When it expires.
        #[schema(value_type = String, format = DateTime)]
        expires_at: Moment,
    },
    /// A share of a budget is used up; for agents only.
    Budget {
        /// `messages`, `characters`, `turns` or `bytes`.
        #[schema(value_type = String, example = "messages")]
        what: Measure,
        /// `session`, `link` or `day` (the link's), or `session_day`.
        #[schema(value_type = String, example = "day")]
        of: Span,
        /// How much is used.
        used: u64,
        /// The limit.
        limit: u64,
        /// 80 or 100.
        at_percent: u8,
    },
    /// Somebody is suspected of abuse; for agents only.
    Abuse {
        /// What is done about it: `noticed` (nothing yet), `slowed`, `priced` (proof of work) or `closed`; none about a link.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, example = "slowed")]
        level: Option<Level>,
        /// `repeated_text`, `many_addresses`, `flood`; of a link `passcode_guesses`, `many_from_one_network`.
        #[schema(value_type = Vec<String>)]
        reasons: BTreeSet<Reason>,
    },
    /// The link takes nobody new any more; for agents only.
    LinkClosed {
        /// `expired` or `revoked`.
        #[schema(value_type = String)]
        reason: &'static str,
    },
}

/// Who decided something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecidedBy {
    /// As which recipient they came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The name that they chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

impl DecidedBy {
    /// Tells whether nothing is known of them.
    pub fn is_empty(&self) -> bool {
        self.recipient.is_none() && self.display_name.is_none()
    }
}

/// Who says or reads something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The person.
    Chatter,
    /// The agent.
    Agent,
    /// This service; its text is a code that pages put into words.
    System,
}

impl Data {
    /// Returns the type's name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SessionStarted { .. } => "session_started",
            Self::SessionIdle {} => "session_idle",
            Self::SessionResumed {} => "session_resumed",
            Self::Message { .. } => "message",
            Self::Question { .. } => "question",
            Self::Answer { .. } => "answer",
            Self::Decision { .. } => "decision",
            Self::QuestionClosed { .. } => "question_closed",
            Self::EndPlanned { .. } => "end_planned",
            Self::EndCalledOff { .. } => "end_called_off",
            Self::Read { .. } => "read",
            Self::Rated { .. } => "rated",
            Self::SessionUpdated { .. } => "session_updated",
            Self::SessionEnded { .. } => "session_ended",
            Self::Erased {} => "erased",
            Self::LinkExpiring { .. } => "link_expiring",
            Self::Budget { .. } => "budget",
            Self::Abuse { .. } => "abuse",
            Self::LinkClosed { .. } => "link_closed",
        }
    }

    pub(crate) fn budget(reached: &Reached, at_percent: u8) -> Self {
        let Reached { what, of, used, limit } = *reached;
        Self::Budget { what, of, used, limit, at_percent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_type_is_the_one_that_is_sent() {
        for data in [
            Data::SessionStarted { display_name: None, language: None, recipient: None, untrusted: false },
            Data::SessionIdle {},
            Data::SessionResumed {},
            Data::Message { from: Speaker::Agent, text: None, html: None, kind: None, client_message_id: None, untrusted: false },
            Data::Question { question_id: String::new(), form: Map::new(), is_final: true, answer_by: None },
            Data::Answer { question_id: String::new(), answer: Map::new(), untrusted: true },
            Data::Decision {
                question_id: String::new(),
                verdict: Verdict::TimedOut,
                payload_sha256: None,
                edited: None,
                reason: None,
                note: None,
                by: DecidedBy::default(),
                receipt_id: String::new(),
                untrusted: false,
            },
            Data::QuestionClosed {
                question_id: String::new(),
                why: Closing::TimedOut,
                replaced_by: None,
                values: Some(Map::new()),
                reason: None,
            },
            Data::EndPlanned { at: Moment(domain::Timestamp(0)) },
            Data::EndCalledOff { by: Speaker::Chatter },
            Data::Read { by: Speaker::Chatter, upto: String::new() },
            Data::Rated { rating: 5, feedback: None, untrusted: false },
            Data::SessionUpdated { expires_at: None },
            Data::SessionEnded { reason: EndReason::ChatterLeft },
            Data::Erased {},
            Data::LinkExpiring { expires_at: Moment(domain::Timestamp(0)) },
            Data::Budget { what: Measure::Messages, of: Span::Day, used: 8, limit: 10, at_percent: 80 },
            Data::Abuse { level: Some(Level::Slowed), reasons: [Reason::Flood].into() },
            Data::LinkClosed { reason: "expired" },
        ] {
            let sent = serde_json::to_value(&data).unwrap();
            assert_eq!(sent["type"], data.kind());
            assert!(sent["data"].is_object(), "{sent}");
        }
    }
}
