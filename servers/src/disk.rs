//! How much room there is, and how much is taken.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::Error;

/// Bytes of a block as file systems count what a file takes.
const BLOCK: u64 = 512;

/// Returns how many bytes of the file system with `path` are free for this account.
pub fn free(path: &Path) -> Result<u64, Error> {
    let found = statvfs(path).map_err(|error| Error::io("ask for the room of", path)(error.into()))?;
    Ok(found.blocks_available().saturating_mul(found.fragment_size()))
}

/// Returns how many bytes of a disk a folder takes; what goes meanwhile is not counted.
pub(crate) fn used(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, found)| if found.is_dir() { used(&path) } else { found.blocks().saturating_mul(BLOCK) })
        .sum()
}
