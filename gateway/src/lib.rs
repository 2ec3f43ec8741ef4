//! The HTTP edge: MCP, the public API, the hub behind streams and waits, and the pages. It decides nothing.
//!
//! [`serve`] takes an [`App`] and answers on a listener until told to stop. One refusal has one code, whoever hears it:
//! `problem/`. One event has one shape: the crate `events`.

mod accept;
mod api;
mod app;
mod assets;
mod auth;
mod chance;
mod client;
mod config;
mod embed;
mod figures;
mod health;
mod hub;
mod key_uses;
mod limits;
mod mcp;
mod observe;
mod pages;
mod problem;
mod protect;
mod qr;
mod router;
mod shares;
mod written;

pub use accept::serve;
pub use app::App;
pub use config::{AuthorizationServer, Config};
pub use events::{Audience, Data, Event, Moment, Speaker, news, present};
pub use figures::{recorder, serve_metrics};
pub use health::Probes;
pub use limits::{Rate, Rates};
pub use problem::{Code, Problem};
