//! Where PostgreSQL's files lie. Normally in the data folder; but as root PostgreSQL runs as another account, which
//! cannot enter the data folder when that lies under a closed home. Then they lie under `/var/lib/tempchat`, in a
//! folder named after the data folder's path, and the data folder holds a link to it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{DataDir, Error, account::Account, folder::make_private};

/// Open to pass through, closed to look around; each folder in it belongs to one account alone.
const FAR: &str = "/var/lib/tempchat";

/// Returns the user that owns the files of an earlier start.
pub(crate) fn owner(data: &DataDir) -> Option<u32> {
    fs::metadata(data.join("postgres")).ok().map(|place| place.uid())
}

/// Returns a folder, mode 0700, that `account` (none: ours) owns and can reach.
pub(crate) fn make(data: &DataDir, account: Option<&Account>) -> Result<PathBuf, Error> {
    let near = data.join("postgres");
    let Some(account) = account else {
        make_private(&near)?;
        return Ok(near);
    };
    // The account's group may pass through the data folder, and see nothing of it.
    account.shares(data.path())?;
    fs::set_permissions(data.path(), Permissions::from_mode(0o710)).map_err(Error::io("open to a group", data.path()))?;

    let place = if fs::read_link(&near).is_ok() || !account.reaches(data.path())? { far(data, &near)? } else { near };
    make_private(&place)?;
    account.owns(&place)?;
    Ok(place)
}

/// Makes `near` a link to this data folder's place under [`FAR`].
fn far(data: &DataDir, near: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(FAR).map_err(Error::io("make", FAR))?;
    fs::set_permissions(FAR, Permissions::from_mode(0o711)).map_err(Error::io("open to others", FAR))?;
    let hash = blake3::hash(data.path().as_os_str().as_encoded_bytes()).to_hex();
    let place = Path::new(FAR).join(hash.get(..16).unwrap_or(&hash));

    let before = match fs::read_link(near) {
        Ok(linked) if linked == place => return Ok(place),
        Ok(linked) => {
            fs::remove_file(near).map_err(Error::io("remove", near))?;
            linked
        }
        Err(_) => near.to_owned(),
    };
    // Files without a link are of a data folder that was removed; files elsewhere are of this one before it was moved.
    if place.exists() {
        fs::remove_dir_all(&place).map_err(Error::io("remove", &place))?;
    }
    if before.exists() {
        fs::rename(&before, &place).map_err(Error::io("move to /var/lib/tempchat", &before))?;
    }
    symlink(&place, near).map_err(Error::io("link to /var/lib/tempchat", near))?;
    tracing::info!(place = %place.display(), "PostgreSQL's account cannot enter the data folder; its files lie here");
    Ok(place)
}
