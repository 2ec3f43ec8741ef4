//! Who may do what: a chatter by its session's credential, an agent by its API key.

mod challenge;
mod chatter;
pub(crate) mod cookie;
mod key;

pub(crate) use challenge::refuse;
pub(crate) use chatter::{Chatter, bearer, held_sessions};
pub(crate) use key::authenticate;
