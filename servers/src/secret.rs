//! Files that hold secrets.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{Error, random};

/// Returns the secret in the file at `path`, generated on first use.
pub(crate) fn read_or_create(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(secret) => Ok(secret),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let secret = random::secret();
            write(path, &secret)?;
            Ok(secret)
        }
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Writes a file of mode 0600, whole or not at all.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), Error> {
    let unfinished = path.with_added_extension("new");
    fs::remove_file(&unfinished)
        .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
        .map_err(Error::io("replace", &unfinished))?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(Error::io("write", &unfinished))?;
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io("write", &unfinished))?;
    fs::rename(&unfinished, path).map_err(Error::io("replace", path))
}
