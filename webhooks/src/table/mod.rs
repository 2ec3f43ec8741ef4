//! The tables of webhooks.

pub(crate) mod delivery;
pub(crate) mod endpoint;
