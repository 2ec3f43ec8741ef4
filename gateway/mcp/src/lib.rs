//! The agent's side: MCP (2026-07-28, and 2025-11-25 for older clients) at `/mcp`, without sessions. State is in handles and cursors.
//!
//! A tool's arguments are read as hosts send them and held to the schema that is listed (`args/`), a refusal is an `isError` result that names the next call,
//! and every result says the same as text and as structured content (`results/answer.rs`). Events come from the hub and the log, never later
//! than a page would show them (`wait/`); what a key has read is kept in the session itself (`position.rs`).

mod agents;
mod args;
mod batch;
mod call;
mod endpoint;
mod given;
mod handler;
mod output_schema;
mod position;
mod prompts;
mod protocol_version;
mod resources;
mod results;
mod signs_of_life;
mod tasks;
mod tools;
mod wait;

pub use endpoint::routes;
