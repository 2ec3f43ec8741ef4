//! Event streams (server-sent events): of a session for its page, and of an agent for a program.

pub(crate) mod agent_stream;
pub(crate) mod session_events;
mod session_stream;
mod sse;
