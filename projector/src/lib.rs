//! Log to Postgres: what happened becomes rows and scheduled commands, in the transaction of the checkpoint (`follower`).
//!
//! A batch of commits tells which rows it touches; they are looked up, folded in memory (`fold/`, without IO) and written back whole
//! (`table/`). It has no keys, so text stays sealed; it sends nothing, so doing it again changes nothing outside Postgres.

mod batch;
mod fold;
mod projector;
mod row_set;
mod table;

pub use projector::{Projector, rebuild};
pub use table::dead_letter::{PassedOver, passed_over};
