//! What every handler of the edge may use, in one handle: [`App`]. Nothing here knows a handler.

mod app;
pub mod audit;
mod client;
mod config;
mod forwarded;
mod key_uses;
mod limits;
mod priced;
mod prices;
mod probes;
mod proof_of_work;
pub mod random;
mod read_your_writes;
mod refusal_time;
mod request_id;
mod visits;
mod waits;

pub use self::app::App;
pub use client::Client;
pub use config::Config;
pub use forwarded::{Proxies, ProxyHeader};
pub use key_uses::KeyUses;
pub use limits::{Limit, Limits, Rate, Rates, with_fields};
pub use priced::Priced;
pub use prices::{Attempt, Prices};
pub use probes::Probes;
pub use refusal_time::quantize_refusal;
pub use request_id::{REQUEST_ID, RequestId, carry};
pub use visits::BodyBytes;
pub use waits::{WaitBounds, WaitPermit, Waits};
