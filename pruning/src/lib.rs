//! A log that shrinks: some time after a link was erased, its commits and those of its sessions leave the log.
//!
//! First a record is appended to the same shard: it names what goes, with what stands for it in the running hash, and with the counts that
//! stay of each session. Only then are the commits purged; a crash in between is finished by a repeat. Before that an archive folder may
//! get the sealed commits.

mod archive;
mod candidate;
mod clock;
mod error;
mod pruner;
mod round;
mod session_counts;
mod settings;

pub use error::Error;
pub use pruner::{Backlog, Pruner};
pub use round::Pruned;
pub use settings::Settings;
