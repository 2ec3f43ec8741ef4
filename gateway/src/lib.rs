//! The HTTP edge: MCP, the public API, the hub behind streams and waits, and the pages. It decides nothing.
//!
//! [`serve`] takes an [`App`] and answers on a listener until told to stop. One refusal has one code, whoever hears it:
//! `problem/`. One event has one shape: `event/`.

mod accept;
mod api;
mod app;
mod assets;
mod auth;
mod chance;
mod client;
mod config;
mod embed;
mod event;
mod figures;
mod health;
mod hub;
pub mod json;
mod key_uses;
mod limits;
mod markdown;
mod mcp;
mod moment;
mod observe;
mod pages;
mod problem;
mod protect;
mod qr;
mod router;
mod shares;
mod transcript;
mod written;

pub use accept::serve;
pub use app::App;
pub use config::{AuthorizationServer, Config};
pub use event::{Audience, Data, Event, Speaker, present};
pub use figures::{recorder, serve_metrics};
pub use health::Probes;
pub use limits::{Rate, Rates};
pub use mcp::news;
pub use moment::Moment;
pub use problem::{Code, Problem};
