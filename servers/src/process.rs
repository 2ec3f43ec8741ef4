//! One supervised child. A server is started by a small shell script, the trampoline, which also waits for the end of a
//! pipe whose writing end only this process has. So closing the pipe stops the server, and so does `kill -9` of
//! this process. (`PR_SET_PDEATHSIG` would fire when the spawning *thread* ends, which tokio's threads do.)
//!
//! The trampoline leads its own process group: Ctrl-C in the terminal reaches the supervisor alone.

use std::{
    env, fs,
    fs::{File, OpenOptions, TryLockError},
    io::{self, PipeWriter},
    os::unix::{
        fs::OpenOptionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{Error, account::Account};

const TRAMPOLINE: &str = include_str!("trampoline.sh");

/// How long a server may take to end after its signal; then it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// How often a condition outside this process is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How many lines of a log an error shows.
const TAIL_LINES: usize = 12;

/// What to run.
pub(crate) struct Launch<'a> {
    /// The name for people.
    pub(crate) server: &'static str,
    /// The program and its arguments.
    pub(crate) command: Command,
    /// The account to run as; `None`: the current one.
    pub(crate) account: Option<&'a Account>,
    /// The signal on which the server ends cleanly.
    pub(crate) stop: Signal,
    /// The file that gets its output; the previous run's is renamed.
    pub(crate) log: PathBuf,
    /// The lock of [`lock`]: the server inherits it, so it is held as long as the server runs.
    pub(crate) lock: File,
}

/// A running server; dropping it stops the server soon after.
#[derive(Debug)]
pub(crate) struct Process {
    server: &'static str,
    log: PathBuf,
    group: Pid,
    ended: watch::Receiver<Option<ExitStatus>>,
    /// The only writing end; the trampoline waits for its closing.
    held: PipeWriter,
}

impl Process {
    /// Spawns the trampoline, which spawns the server.
    pub(crate) fn start(launch: Launch<'_>) -> Result<Self, Error> {
        let (reader, held) = io::pipe().map_err(Error::io("make a pipe for", &launch.log))?;
        let log = open_log(&launch.log)?;

        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", TRAMPOLINE, "tempchat-server"])
            .arg(launch.stop.as_str().trim_start_matches("SIG"))
            .arg(GRACE.as_secs().to_string())
            .arg(launch.command.get_program())
            .args(launch.command.get_args())
            .current_dir("/")
            .process_group(0)
            .stdin(launch.lock)
            .stdout(reader)
            .stderr(log);
        // The caller's environment is not passed on: PGPORT, LANG or TZ would change the server's behaviour.
        command.env_clear().envs([("LC_ALL", "C"), ("TZ", "UTC")]);
        command.env("PATH", env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        if let Some(account) = launch.account {
            account.runs(&mut command);
        }
        let mut child = command.spawn().map_err(Error::io("run", "/bin/sh"))?;
        let group = Pid::from_raw(child.id().cast_signed());

        // A thread and not a task: a server may outlive the runtime of the test that started it.
        let (status_sender, ended) = watch::channel(None);
        thread::Builder::new()
            .name(format!("waits for {}", launch.server))
            .spawn(move || {
                let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
                status_sender.send_replace(Some(status));
            })
            .map_err(Error::io("start a thread for", &launch.log))?;
        Ok(Self { server: launch.server, log: launch.log, group, ended, held })
    }

    /// Polls `look` until it finds something, the server ends, or `limit` is over.
    pub(crate) async fn until<T>(&self, limit: Duration, look: impl Fn() -> Option<T>) -> Result<T, Error> {
        let started = Instant::now();
        loop {
            if let Some(found) = look() {
                return Ok(found);
            }
            if let Some(status) = *self.ended.borrow() {
                return Err(self.ended_at_start(status));
            }
            if started.elapsed() > limit {
                let (log, tail) = self.log_tail();
                return Err(Error::NotReady { server: self.server, waited: limit, log, tail });
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits for a program that ends by itself; any status but 0 is an error.
    pub(crate) async fn succeeds(self) -> Result<(), Error> {
        let status = self.ended().await;
        if status.success() { Ok(()) } else { Err(self.ended_at_start(status)) }
    }

    /// Waits until the server ends unexpectedly, and returns that as an error.
    pub(crate) async fn died(&self) -> Error {
        let status = describe(self.ended().await);
        let (log, tail) = self.log_tail();
        Error::Died { server: self.server, status, log, tail }
    }

    /// Stops the server cleanly; after the grace period it is killed.
    pub(crate) async fn stop(self) {
        let Self { server, group, mut ended, held, .. } = self;
        drop(held);
        // The trampoline kills the server after the grace period; this covers a trampoline that was killed itself.
        if timeout(GRACE + Duration::from_secs(2), ended.wait_for(Option::is_some)).await.is_err() {
            tracing::warn!(server, "did not end in time and is killed");
            kill(group, &mut ended).await;
        }
    }

    /// Kills the server without warning (`kill -9`).
    pub(crate) async fn kill_now(mut self) {
        kill(self.group, &mut self.ended).await;
    }

    async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.map(|status| *status);
        status.ok().flatten().unwrap_or_else(|| ExitStatus::from_raw(0))
    }

    fn ended_at_start(&self, status: ExitStatus) -> Error {
        let (log, tail) = self.log_tail();
        Error::EndedAtStart { server: self.server, status: describe(status), log, tail }
    }

    fn log_tail(&self) -> (PathBuf, String) {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
        (self.log.clone(), tail.join("\n"))
    }
}

async fn kill(group: Pid, ended: &mut watch::Receiver<Option<ExitStatus>>) {
    // An error means that the group is gone already.
    let _gone = killpg(group, Signal::SIGKILL);
    let _gone = ended.wait_for(Option::is_some).await;
}

/// Locks the file at `path`, so that two servers never share a store. A server of a killed run holds the lock until it has ended.
pub(crate) async fn lock(server: &'static str, path: &Path) -> Result<File, Error> {
    let patience = GRACE + Duration::from_secs(5);
    let started = Instant::now();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(Error::io("open", path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", path)(source)),
            Err(TryLockError::WouldBlock) if started.elapsed() > patience => {
                return Err(Error::StillRunning { server, path: path.to_owned(), waited: patience });
            }
            Err(TryLockError::WouldBlock) => sleep(POLL_INTERVAL).await,
        }
    }
}

/// Opens an empty log, and renames the previous run's.
fn open_log(path: &Path) -> Result<File, Error> {
    if path.exists() {
        fs::rename(path, path.with_added_extension("1")).map_err(Error::io("rename", path))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(Error::io("open", path))
}

/// Describes a status; the shell reports a signal as 128 and its number.
fn describe(status: ExitStatus) -> String {
    let signal = status.signal().or_else(|| status.code().filter(|code| *code > 128).map(|code| code - 128));
    match signal.map(Signal::try_from) {
        Some(Ok(signal)) => format!("killed by {signal}"),
        Some(Err(_)) | None => status.to_string(),
    }
}
