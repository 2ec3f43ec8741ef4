//! Limits of this process and of the servers it starts: enough open files, and no core dumps.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Open files that are enough: every connection is one.
const FILES: rlim_t = 65_536;
/// Open files that are not connections of clients: PostgreSQL, nats-server, listeners, the program itself; with room to spare.
const OTHER_FILES: usize = 256;

/// Raises the limit of open files and switches core dumps off: one would hold keys and opened texts, and outlive every erasure.
pub(crate) fn apply() -> Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("core dumps cannot be switched off")?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = hard.min(FILES).max(soft);
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).context("the limit of open files cannot be raised")
}

/// Returns how many of `wanted` connections there are files for.
pub(crate) fn connections(wanted: usize) -> Result<usize> {
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    Ok(wanted.min(files.saturating_sub(OTHER_FILES).max(2)))
}
