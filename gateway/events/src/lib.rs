//! Events as everyone outside sees them: one shape, over HTTP, SSE, MCP and in webhooks' calls.
//!
//! [`present`] renders a stored event for its audience; [`news`] says which of them agents are told about, and how an agent's own server
//! gets them. There is no clock, network or configuration here.

mod data;
mod event;
mod fence;
mod links;
pub mod markdown;
mod markdown_tree;
mod news;
mod present;
mod rfc3339;
pub mod sanitize;
pub mod transcript;

pub use data::{Data, DecidedBy, Speaker};
pub use event::Event;
pub use news::{NEWS, NEWS_OF_LINKS, Payload, is_news, is_news_to, news, payload};
pub use present::{Audience, message_of_chatter, present};
pub use rfc3339::Moment;
