//! Events as agents get them, by MCP and by their event stream alike: rendered for one key, with cursors of a scope.

mod cursor;
mod recipients;
mod render;

pub use cursor::{AgentCursors, Scope};
pub use recipients::Recipients;
pub use render::Teller;
