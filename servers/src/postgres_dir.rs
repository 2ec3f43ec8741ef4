//! The directory of PostgreSQL's files: normally in the data folder. Under root PostgreSQL runs as another account, which may be
//! unable to enter the data folder; then the files are under `/var/lib/tempchat`, in a folder named after the data folder's path,
//! and the data folder holds a link to it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{DataDir, Error, account::Account, folder::make_private};

/// Everyone may enter it but not list it (mode 0711); each folder in it belongs to one account.
const SHARED: &str = "/var/lib/tempchat";

/// Returns the user id that owns the files of an earlier start.
pub(crate) fn owner(data: &DataDir) -> Option<u32> {
    fs::metadata(data.join("postgres")).ok().map(|found| found.uid())
}

/// Returns a folder, mode 0700, that `account` (`None`: the current one) owns and can reach.
pub(crate) fn make(data: &DataDir, account: Option<&Account>) -> Result<PathBuf, Error> {
    let local = data.join("postgres");
    let Some(account) = account else {
        make_private(&local)?;
        return Ok(local);
    };
    // The account's group may enter the data folder but not list it.
    account.shares(data.path())?;
    fs::set_permissions(data.path(), Permissions::from_mode(0o710)).map_err(Error::io("open to a group", data.path()))?;

    let directory = if fs::read_link(&local).is_ok() || !account.reaches(data.path())? { shared(data, &local)? } else { local };
    make_private(&directory)?;
    account.owns(&directory)?;
    Ok(directory)
}

/// Makes `local` a link to this data folder's directory under [`SHARED`].
fn shared(data: &DataDir, local: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(SHARED).map_err(Error::io("make", SHARED))?;
    fs::set_permissions(SHARED, Permissions::from_mode(0o711)).map_err(Error::io("open to others", SHARED))?;
    let hash = blake3::hash(data.path().as_os_str().as_encoded_bytes()).to_hex();
    let directory = Path::new(SHARED).join(hash.get(..16).unwrap_or(&hash));

    let before = match fs::read_link(local) {
        Ok(linked) if linked == directory => return Ok(directory),
        Ok(linked) => {
            fs::remove_file(local).map_err(Error::io("remove", local))?;
            linked
        }
        Err(_) => local.to_owned(),
    };
    // Files without a link belong to a data folder that was removed; files elsewhere are this one's, from before it was moved.
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(Error::io("remove", &directory))?;
    }
    if before.exists() {
        fs::rename(&before, &directory).map_err(Error::io("move to /var/lib/tempchat", &before))?;
    }
    symlink(&directory, local).map_err(Error::io("link to /var/lib/tempchat", local))?;
    tracing::info!(directory = %directory.display(), "PostgreSQL's account cannot enter the data folder; its files lie here");
    Ok(directory)
}
