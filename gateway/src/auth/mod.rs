//! Who may do what: a chatter by its session's credential, an agent by its API key, or by a token of the operator's authorization server.

mod challenge;
mod chatter;
pub(crate) mod cookie;
mod key;
mod metadata;
mod token;

pub(crate) use challenge::refuse;
pub(crate) use chatter::{Chatter, bearer, held};
pub(crate) use key::{authenticate, is_still};
pub(crate) use metadata::routes;
pub(crate) use token::{Tokens, is_secure};
