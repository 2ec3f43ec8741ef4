//! The commands, events and rules of temporary chats: pure functions of plain values.
//!
//! Nothing here reads a clock, draws a random number, does IO, or knows HTTP, NATS or SQL.
//! Text arrives sealed: no rule needs to read it.

pub mod abuse;
pub mod agent;
mod aggregate;
pub mod budget;
mod id;
pub mod link;
mod memory;
mod policy;
mod sealed;
pub mod session;
#[cfg(test)]
mod spec;
mod time;

pub use aggregate::{Address, Aggregate, Decision, Issued, Rejected, Root, Target};
pub use budget::Budget;
pub use id::{AgentId, CommandId, DeviceId, Fingerprint, HandoffId, IdError, KeyId, LinkId, QuestionId, ReceiptId, SessionId};
pub use memory::{Memory, Remembered};
pub use policy::Policy;
pub use sealed::{HashLength, SaltedHash, Sealed};
pub use time::{Millis, Timestamp};
