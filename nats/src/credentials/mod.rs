//! Names that clients are given or give: sealed, tagged or derived under the installation's secrets, so that they cannot be made
//! up.

pub(crate) mod api_key;
pub(crate) mod cursor;
pub(crate) mod derived;
pub(crate) mod handoffs;
pub(crate) mod link_token;
pub(crate) mod session_credential;
mod tags;
pub(crate) mod task_name;
pub(crate) mod webhook_secrets;
