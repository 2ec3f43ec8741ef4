//! The data folder: one instance at a time, and nobody else's business.

use std::{
    env,
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

use crate::{Error, chance, secret};

const LOCK: &str = "tempchat.lock";

/// Removes a temporary folder when its pipe closes; servers that are just ending may still write into it.
const BROOM: &str = r#"
read -r _
for try in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$(readlink "$0/postgres")" 2>/dev/null && rm -rf "$0" 2>/dev/null && exit
    sleep 1
done
"#;

/// A data folder that this process has locked; clones share the lock, the last one to go gives it back.
#[derive(Debug, Clone)]
pub struct DataDir(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    _lock: File,
    /// Where the folder is temporary: its closing sets the broom off.
    _broom: Option<PipeWriter>,
}

impl DataDir {
    /// Opens or makes the folder, closes it to others (mode 0700), and locks it for this process.
    ///
    /// # Errors
    /// [`Error::InUse`] names the process that has it, [`Error::NotOurs`] refuses a folder with other files in it,
    /// [`Error::NotPrivate`] one into which others may have put some.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = make(path)?;
        let lock = lock(&path)?;
        Ok(Self(Arc::new(Opened { path, _lock: lock, _broom: None })))
    }

    /// Makes a folder that goes when its last user goes, were it by `kill -9`: for tests and measurements.
    pub fn temporary() -> Result<Self, Error> {
        let path = make(&env::temp_dir().join(format!("tempchat-{}", chance::name())))?;
        let broom = broom(&path)?;
        let lock = lock(&path)?;
        Ok(Self(Arc::new(Opened { path, _lock: lock, _broom: Some(broom) })))
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
        secret::keep(&self.join(name))
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
        // Looked at again: somebody may have been quick.
        if !is_empty(&path)? {
            return Err(Error::NotPrivate { path });
        }
    }
    if !is_empty(&path)? && !path.join(LOCK).exists() {
        return Err(Error::NotOurs { path });
    }
    Ok(path)
}

fn is_empty(path: &Path) -> Result<bool, Error> {
    Ok(fs::read_dir(path).map_err(Error::io("read", path))?.next().is_none())
}

/// How often a held lock is looked at again, and how long after: for a moment it is also held by whoever only looks
/// ([`Running::on`]), and by a child of the last holder that has not yet become another program.
const LOOKS: u32 = 50;
const LOOK: Duration = Duration::from_millis(10);

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
    let mut looks = 0..LOOKS;
    let locked = loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if looks.next().is_some() => thread::sleep(LOOK),
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
    // The group may already pass through: that is PostgreSQL's account, where we are root (place.rs).
    let mode = fs::metadata(path).map_err(Error::io("read", path))?.permissions().mode() & 0o010 | 0o700;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("close to others", path))?;
    Ok(file)
}

fn broom(path: &Path) -> Result<PipeWriter, Error> {
    let (reader, writer) = io::pipe().map_err(Error::io("make a pipe for", path))?;
    let mut child = Command::new("/bin/sh")
        .args(["-c", BROOM])
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
    /// Where its nats-server is, with the password.
    pub nats_url: Option<String>,
    /// Where its PostgreSQL is, with the password.
    pub database_url: Option<String>,
}

impl Running {
    /// Reads what the instance on `path` left there; `None` where none runs.
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
