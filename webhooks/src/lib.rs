//! Wakes agents that are not running: what an agent would get from a wait is sent to its webhook, signed, until it arrives.
//!
//! The log is followed (`ingest.rs`, on `follower`); events for which somebody has a webhook become rows, ids and types only, in the
//! transaction of the checkpoint. From there each endpoint is served by itself (`dispatch.rs`, `deliver.rs`), by any number of processes.
//! Where calls may lead is for `egress_guard.rs` to say. It decides nothing and writes nothing to the log.

mod caller;
mod clock;
mod deliver;
mod dispatch;
mod egress_guard;
mod error;
mod ingest;
mod inventory;
mod payload;
mod random;
mod retry_policy;
mod table;
mod target;
mod webhooks;

pub use caller::{Answered, CallError};
pub use egress_guard::Forbidden;
pub use error::Error;
pub use inventory::{DeadDeliveries, DeadLetter, EndpointView, Tester, dead_deliveries, list, redeliver};
pub use ipnet::IpNet;
pub use retry_policy::RetryPolicy;
pub use target::{Target, TargetError};
pub use webhooks::{Settings, Webhooks, mend};
