//! What the system grants this process and the servers it starts: files enough, and no picture of its memory on the disk.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Open files that are enough: every connection is one.
const FILES: rlim_t = 65_536;
/// Files that are no connections of clients: rows, log, listeners, the program itself; with room to spare.
const OTHER_FILES: usize = 256;

/// Takes what may be had. A core dump would hold keys and opened words, and outlive every erasure: there is none.
pub(crate) fn settle() -> Result<()> {
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
