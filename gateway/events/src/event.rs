//! An event as everyone outside sees it.

use domain::{LinkId, SessionId};
use nats::EventId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::data::Data;
use crate::rfc3339::Moment;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// Its id, the same wherever it is shown.
    #[schema(value_type = String, example = "evt_mzxw6ytboi4dmmrqgizdgnbvgy")]
    pub id: EventId,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    /// Its place; not for agents, whose pages have one cursor for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The link.
    #[schema(value_type = String)]
    pub link_id: LinkId,
    /// The session; none for what happened to the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session_id: Option<SessionId>,
    /// The name of the agent's key that acted; for agents only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Its type, and what goes with that.
    #[serde(flatten)]
    pub data: Data,
}
