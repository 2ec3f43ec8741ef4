//! Log to Postgres: what happened becomes rows, a checkpoint and scheduled commands, in one transaction a batch.
//!
//! It reads a shard's commits ([`nats::Feed`]), looks up the rows they touch, folds them in memory (`fold/`, without IO) and
//! writes whole
//! rows back (`table/`). It has no keys, so text stays sealed; it sends nothing, so doing it again changes nothing outside
//! Postgres.

mod batch;
mod column;
mod error;
mod fold;
mod projector;
mod reading;
mod rebuild;
mod row_set;
mod shard;
mod table;

pub use error::Error;
pub use projector::{Projector, Standing};
pub use rebuild::{Rebuilt, rebuild};
