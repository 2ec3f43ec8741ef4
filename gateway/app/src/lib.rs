//! What every handler of the edge may use, in one handle: [`App`]. Nothing here knows a handler.

mod app;
pub mod audit;
mod client;
mod config;
mod evenly;
mod key_uses;
mod limits;
mod probes;
pub mod random;
mod read_your_writes;
mod request_id;
mod waits;

pub use self::app::App;
pub use client::Client;
pub use config::Config;
pub use evenly::evenly;
pub use key_uses::KeyUses;
pub use limits::{Limit, Limits, Rate, Rates};
pub use probes::Probes;
pub use request_id::{REQUEST_ID, RequestId, carry};
pub use waits::{WaitBounds, WaitPermit, Waits};
