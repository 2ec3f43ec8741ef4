//! The HTTP edge: accepts connections, stands before every handler, and joins the rooms: MCP, the public API, the page. It decides nothing.
//!
//! [`serve`] takes an [`App`] and answers on a listener until told to stop.

mod accept;
mod called_name;
mod concurrency;
mod connection;
mod health;
mod line_ends;
mod metrics;
mod observe;
mod openapi;
mod prefix;
mod protect;
mod rate_limit;
mod router;
mod starting;
mod warnings;

pub use self::metrics::{recorder, serve_metrics};
pub use accept::serve;
pub use access_tokens::AuthorizationServer;
pub use app::{App, Config, Probes, Proxies, ProxyHeader, Rate, Rates, WaitBounds};
pub use events::{Moment, news};
pub use starting::{Missing, serve_starting};
