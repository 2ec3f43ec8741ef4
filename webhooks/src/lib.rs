//! Wakes agents that are not running: what an agent would hear in a wait is sent to its webhook, signed, again and again until it arrives.
//!
//! The log is followed (`ingest.rs`, on `follower`); events for which somebody has a webhook become rows, ids and types only, in the
//! transaction of the checkpoint. From there each endpoint is served by itself (`dispatch.rs`, `round.rs`), by any number of processes.
//! Where calls may lead is for `reach.rs` to say. It decides nothing and writes nothing to the log.

mod caller;
mod chance;
mod clock;
mod dispatch;
mod error;
mod ingest;
mod inventory;
mod patience;
mod reach;
mod round;
mod table;
mod target;
mod told;
mod webhooks;

pub use caller::{Answered, CallError};
pub use error::Error;
pub use inventory::{DeadLetter, EndpointView, Tester, list, redeliver};
pub use ipnet::IpNet;
pub use patience::Patience;
pub use reach::Forbidden;
pub use target::{Target, TargetError};
pub use told::{Teller, Told};
pub use webhooks::{Settings, Webhooks, mend};
