//! The data folder: private to its account, and used by one instance at a time.

use std::{
    env,
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind, PipeWriter, Write},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use nix::{libc, unistd::geteuid};

use crate::{Error, random, secret};

const LOCK: &str = "tempchat.lock";

/// What a folder may hold before the first start: an operator's settings, what a restore brings back, servers that were put there, and
/// what a new file system has by itself.
const MAY_BE_THERE: [&str; 9] =
    ["tempchat.toml", "secrets.json", "heads.jsonl", "agent.key", "demo.key", "nats", "postgres", "servers", "lost+found"];

/// Removes a temporary folder when its pipe closes; retries, because servers that are ending may still write into it.
const CLEANUP_SCRIPT: &str = r#"
read -r _
for try in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$(readlink "$0/postgres")" 2>/dev/null && rm -rf "$0" 2>/dev/null && exit
    sleep 1
done
"#;

/// A data folder that this process has locked; clones share the lock; dropping the last one releases it.
#[derive(Debug, Clone)]
pub struct DataDir(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    _lock: File,
    /// For a temporary folder: closing this pipe starts the removal.
    _cleanup: Option<PipeWriter>,
}

impl DataDir {
    /// Opens or creates the folder, makes it private (mode 0700), and locks it for this process.
    ///
    /// # Errors
    /// [`Error::InUse`] names the process that has it, [`Error::NotOurs`] refuses a folder with other files in it,
    /// [`Error::NotPrivate`] one that other accounts may have written to.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = make(path)?;
        let lock = lock(&path)?;
        Ok(Self(Arc::new(Opened { path, _lock: lock, _cleanup: None })))
    }

    /// Creates a folder that is removed when its last handle is dropped or the process is killed: for tests and measurements.
    pub fn temporary() -> Result<Self, Error> {
        let path = make(&env::temp_dir().join(format!("tempchat-{}", random::name())))?;
        let cleanup = start_cleanup(&path)?;
        let lock = lock(&path)?;
        Ok(Self(Arc::new(Opened { path, _lock: lock, _cleanup: Some(cleanup) })))
    }

    /// Returns the folder's absolute path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the path of `name` in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path.join(name)
    }

    /// Returns the text in the file `name`; the first time it is made, 48 random characters, mode 0600.
    pub fn secret(&self, name: &str) -> Result<String, Error> {
        secret::read_or_create(&self.join(name))
    }

    /// Writes `content` into the file `name`, mode 0600, whole or not at all.
    pub fn write_secret(&self, name: &str, content: &str) -> Result<(), Error> {
        secret::write(&self.join(name), content)
    }

    /// Makes the subfolder `name`, mode 0700.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.join(name);
        make_private(&path)?;
        Ok(path)
    }
}

/// Makes `path` with mode 0700 unless it is there.
pub(crate) fn make_private(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Error::io("make", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make(path: &Path) -> Result<PathBuf, Error> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
    }
    make_private(path)?;
    let path = fs::canonicalize(path).map_err(Error::io("find", path))?;
    let found = fs::metadata(&path).map_err(Error::io("read", &path))?;
    if found.uid() != geteuid().as_raw() {
        return Err(Error::NotPrivate { path });
    }
    if found.mode() & 0o022 != 0 {
        if is_empty(&path)? {
            fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(Error::io("close to others", &path))?;
        }
        // Checked again: another account may have written before the mode changed.
        if !is_empty(&path)? {
            return Err(Error::NotPrivate { path });
        }
    }
    if !path.join(LOCK).exists()
        && let Some(other) = names(&path)?.into_iter().find(|name| !MAY_BE_THERE.iter().any(|known| name == known))
    {
        return Err(Error::NotOurs { path, other: other.to_string_lossy().into_owned() });
    }
    Ok(path)
}

fn is_empty(path: &Path) -> Result<bool, Error> {
    Ok(names(path)?.is_empty())
}

fn names(path: &Path) -> Result<Vec<OsString>, Error> {
    let entries = fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    entries.map_err(Error::io("read", path))
}

/// How often a held lock is tried again, and after what pause: it is also held for a moment by [`Running::on`], and by a forked
/// child
/// of the last holder that has not executed another program yet.
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

fn lock(path: &Path) -> Result<File, Error> {
    let lock = path.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&lock)
        .map_err(Error::io("open", &lock))?;
    let mut attempts = 0..LOCK_ATTEMPTS;
    let locked = loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if attempts.next().is_some() => thread::sleep(LOCK_PAUSE),
            locked => break locked,
        }
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&lock).unwrap_or_default();
            return Err(Error::InUse { path: path.to_owned(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(Error::io("lock", lock)(source)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", process::id())).map_err(Error::io("write", &lock))?;
    // The group's permission to enter is left as it is: under root it is for PostgreSQL's account (postgres_dir.rs).
    let mode = fs::metadata(path).map_err(Error::io("read", path))?.permissions().mode() & 0o010 | 0o700;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("close to others", path))?;
    Ok(file)
}

fn start_cleanup(path: &Path) -> Result<PipeWriter, Error> {
    let (reader, writer) = io::pipe().map_err(Error::io("make a pipe for", path))?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", CLEANUP_SCRIPT])
        .arg(path)
        .current_dir("/")
        .process_group(0)
        .stdin(reader)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::io("run", "/bin/sh"))?;
    thread::spawn(move || child.wait());
    Ok(writer)
}

/// The servers of the instance that has a data folder, for a second command beside it.
#[derive(Debug, Clone)]
pub struct Running {
    /// The URL of its nats-server, with the password.
    pub nats_url: Option<String>,
    /// The URL of its PostgreSQL, with the password.
    pub database_url: Option<String>,
}

impl Running {
    /// Reads the URLs that the instance on `path` has written; `None` where none runs.
    pub fn on(path: &Path) -> Option<Self> {
        let lock = File::open(path.join(LOCK)).ok()?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Some(Self {
                nats_url: fs::read_to_string(path.join("nats.url")).ok(),
                database_url: fs::read_to_string(path.join("postgres.url")).ok(),
            }),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}
