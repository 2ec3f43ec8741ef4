//! The account that PostgreSQL runs as under root, because it refuses to run as root.

use std::{
    os::unix::{
        fs::{chown, lchown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::unistd::{Uid, User, geteuid};

use crate::Error;

/// An account with a passwd entry, which `initdb` insists on.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// Picks the `owner` of existing files, else `postgres`, else `nobody`; `None` unless this process runs as root.
    pub(crate) fn to_drop_to(owner: Option<u32>) -> Result<Option<Self>, Error> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let owner = owner.map(Uid::from_raw).filter(|owner| !owner.is_root());
        owner
            .and_then(|owner| User::from_uid(owner).ok().flatten())
            .or_else(|| ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten()))
            .map(|user| Some(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
            .ok_or(Error::NoAccount)
    }

    /// Makes `command` run as this account, without this process's groups.
    pub(crate) fn runs(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Changes the owner of `path` to this account; of a symbolic link itself, not of its target.
    pub(crate) fn owns(&self, path: &Path) -> Result<(), Error> {
        lchown(path, Some(self.uid), Some(self.gid)).map_err(Error::io("give to another account", path))
    }

    /// Changes the group of `path` to this account's, and leaves its owner.
    pub(crate) fn shares(&self, path: &Path) -> Result<(), Error> {
        chown(path, None, Some(self.gid)).map_err(Error::io("give to another group", path))
    }

    /// Tests by trying whether this account can enter `folder`: modes, access lists and mounts all matter.
    pub(crate) fn reaches(&self, folder: &Path) -> Result<bool, Error> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "cd -- \"$0\""]).arg(folder).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.runs(&mut command);
        command.status().map(|status| status.success()).map_err(Error::io("run", "/bin/sh"))
    }
}
