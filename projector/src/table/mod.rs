//! The tables: what a row holds, how rows are read, and how many are written at once.
//!
//! Every write is one statement over `UNNEST`ed columns. Each key comes at most once in it, or `ON CONFLICT` would refuse.

pub(crate) mod admission;
pub(crate) mod agent;
pub(crate) mod checkpoint;
pub(crate) mod dead_letter;
pub(crate) mod event;
pub(crate) mod link;
pub(crate) mod question;
pub(crate) mod read_mark;
pub(crate) mod scheduled;
pub(crate) mod session;
