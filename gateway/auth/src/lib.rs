//! Who may do what: a chatter by its session's credential, an agent by its API key, or by a token of the operator's authorization server.

mod challenge;
mod chatter;
pub mod cookie;
mod key;
mod key_watch;
mod metadata;

pub use challenge::refuse;
pub use chatter::{Chatter, bearer, presented, presented_for_link};
pub use key::{authenticate, is_still};
pub use key_watch::KeyWatch;
pub use metadata::routes;
