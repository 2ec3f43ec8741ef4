//! What serves agents: one for all calls.

use std::sync::Arc;

use agent_events::AgentCursors;
use app::{App, Waits};
use rmcp::handler::server::router::tool::ToolRouter;

use super::given::Given;
use super::position::Positions;

/// Serves agents; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Agents {
    pub(super) app: App,
    pub(super) tools: Arc<ToolRouter<Self>>,
    pub(super) cursors: Arc<AgentCursors>,
    pub(super) positions: Arc<Positions>,
    pub(super) given: Arc<Given>,
    pub(super) waits: Arc<Waits>,
}
