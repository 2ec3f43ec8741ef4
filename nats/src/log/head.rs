//! The last commit of an aggregate: what the next one continues.

use domain::CommandId;

use crate::log::commit::Commit;
use crate::log::position::Hash;

/// The last commit of an aggregate; the default stands for an aggregate without any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Its sequence in the stream; 0 for none.
    pub sequence: u64,
    /// The hash of its stored bytes.
    pub hash: Hash,
}

/// A commit of one aggregate, and the head that it made.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<E> {
    /// The aggregate's head after this commit.
    pub head: Head,
    /// The commit.
    pub commit: Commit<E>,
}

/// The last commit of an aggregate, read from its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// The aggregate's head.
    pub head: Head,
    /// The command that made it.
    pub command: CommandId,
    /// The wire names of its events, separated by commas.
    pub types: String,
}
