//! Events as agents get them, by MCP and by their event stream alike: rendered for one key, with cursors of a scope.

mod cursor;
mod recipients;
mod render;

pub use cursor::{AgentCursors, CursorScope};
pub use recipients::Recipients;
pub use render::Renderer;
