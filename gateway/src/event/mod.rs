//! Events as everyone outside sees them: one shape, over HTTP, SSE and MCP.

mod data;
mod present;

use domain::{LinkId, SessionId};
use nats::EventId;
use serde::Serialize;
use utoipa::ToSchema;

pub use data::{Data, Speaker};
pub(crate) use present::message_of_chatter;
pub use present::{Audience, present};

use crate::moment::Moment;

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
