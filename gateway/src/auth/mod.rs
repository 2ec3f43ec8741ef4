//! Who may do what: a chatter by its session's credential, an agent by its API key.

mod chatter;
pub(crate) mod cookie;
mod key;

pub(crate) use chatter::{Chatter, bearer, held};
pub(crate) use key::authenticate;
