//! Follows the log: a shard's commits in batches, each applied to the rows in one transaction with a checkpoint, over everything that passes.
//!
//! What is made of the commits is a [`Projection`]'s own business; reading ahead, the proof that the log is still the one that was read,
//! back-off, standing, rebuild and mend are the same for all, and are here.

mod batch;
mod checkpoint;
mod column;
mod error;
mod follower;
mod progress;
mod projection;
mod reader;
mod rebuild;
mod shard;
mod standing;
pub mod upkeep_lock;

pub use column::{Id, column, moment, sealed, signed, unsigned};
pub use error::Error;
pub use follower::Follower;
pub use progress::{Progress, checkpoints};
pub use projection::{Batch, Labels, Projection, begin};
pub use rebuild::{Rebuilt, mend, rebuild};
pub use standing::Standing;
