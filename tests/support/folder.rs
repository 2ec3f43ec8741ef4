//! A folder that goes when its last user goes, with all that runs on it: even when the tests are killed.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

const KEEPER: &str = include_str!("keeper.sh");

/// A temporary folder; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Folder(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    /// Its closing sets the keeper off.
    keeper: Mutex<ChildStdin>,
}

impl Folder {
    /// Makes a folder that other accounts may pass through: as root, PostgreSQL is one.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tempchat-story-").permissions(Permissions::from_mode(0o755)).tempdir();
        let path = folder.unwrap().keep();
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER])
            .env("FOLDER", &path)
            .current_dir("/")
            // Ctrl-C ends the tests, not the one who cleans up after them.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = keeper.stdin.take().expect("it is piped");
        std::thread::spawn(move || keeper.wait());
        Self(Arc::new(Kept { path, keeper: Mutex::new(stdin) }))
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the data folder in it.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.path.join("data")
    }

    /// Names a process that must not outlive the folder.
    pub(crate) fn keep(&self, process: u32) {
        writeln!(self.0.keeper.lock().unwrap(), "{process}").unwrap();
    }
}
