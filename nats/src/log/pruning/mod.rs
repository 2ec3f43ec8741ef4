//! Commits of erased links leave the log: records say which, so that what remains still proves itself.

pub(crate) mod checkpoint;
pub(crate) mod ids;
pub(crate) mod leaves;
pub(crate) mod lookup;
pub(crate) mod purge;
pub(crate) mod record;
pub(crate) mod takeover;
