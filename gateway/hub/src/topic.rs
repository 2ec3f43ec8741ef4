//! What one can listen to.

use domain::{Address, AgentId, LinkId};

/// What one can listen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One session.
    Session(Address),
    /// A link and all its sessions.
    Link(AgentId, LinkId),
    /// All that is an agent's.
    Agent(AgentId),
}

impl Topic {
    /// Returns the agent whose topic it is.
    pub fn agent(&self) -> AgentId {
        match self {
            Self::Session(address) => address.agent,
            Self::Link(agent, _) | Self::Agent(agent) => *agent,
        }
    }
}
