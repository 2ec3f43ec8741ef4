//! What an operator can set.

use std::path::PathBuf;

use domain::Millis;

/// When links are pruned, and what becomes of their commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long after the erasure of a link its commits stay in the log.
    pub after: Millis,
    /// The folder that gets the sealed commits before they go.
    pub archive: Option<PathBuf>,
}
