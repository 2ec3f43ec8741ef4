//! Waits as tasks (SEP-2663, the extension `io.modelcontextprotocol/tasks`): a wait of days costs no connection, no memory and no row.
//!
//! The log is the store: a task's id is the wait itself, sealed (`nats::TaskNames`), and what has become of it is read from the events
//! after its position, by any gateway, after any crash (`outcome.rs`). Only that a task was cancelled is recorded.

mod burst;
mod making;
mod methods;
mod outcome;
mod result;

pub(crate) use making::{OPEN_ENDED, instead};
pub(crate) use methods::{cancel, get, update};
