//! A running `tempchat`, from its start to the end that a test wants for it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::patience::PATIENCE;
use super::{Folder, until};

/// Made so that a test need not wait five minutes for an end, nor reserve more of the disk than it could ever fill.
const SMALL: [(&str, &str); 4] = [
    ("TEMPCHAT_SHORTEST_LIFETIME_SECONDS", "1"),
    ("TEMPCHAT_SHORTEST_IDLE_SECONDS", "1"),
    ("TEMPCHAT_SHORTEST_ANSWER_SECONDS", "1"),
    ("TEMPCHAT_SHARD_SIZE", "256MiB"),
];
/// What a developer may have set to find the servers, and is wanted here too.
const FINDING: [&str; 2] = ["TEMPCHAT_NATS_SERVER", "TEMPCHAT_POSTGRES_BIN"];

/// A process that says `ready` when it is.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// What it printed up to the line that begins with `ready`.
    said: String,
}

impl Process {
    /// Prepares `tempchat` with these arguments on a folder's data, free of the caller's own settings.
    pub(crate) fn command(folder: &Folder, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tempchat"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let own = name.starts_with("TEMPCHAT_") && !FINDING.contains(&name.as_str());
            if own || ["NATS_URL", "DATABASE_URL", "RUST_LOG"].contains(&name.as_str()) {
                command.env_remove(name);
            }
        }
        command.envs(SMALL).args(arguments).arg("--data").arg(folder.data()).stdin(Stdio::null());
        command
    }

    /// Starts it, with a log of everything it has to say, and waits until it is ready.
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[])
    }

    /// As [`Self::start`], with some settings in its environment.
    pub(crate) fn start_with(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Self::command(folder, arguments);
        command.env("RUST_LOG", "debug").envs(environment.iter().copied());
        Self::spawn(folder, command)
    }

    /// Tells whether this machine lets its user mount a disk at all: some containers do not.
    pub(crate) fn may_mount() -> bool {
        let become_root: &[&str] = if nix::unistd::geteuid().is_root() { &[] } else { &["--map-root-user"] };
        let mount = ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];
        Command::new("unshare").args(become_root).args(mount).status().is_ok_and(|status| status.success())
    }

    /// As [`Self::start_with`], with so many MiB for the data folder: a disk of its own, which nobody else sees (`/proc/PID/root` leads
    /// there) and which goes with the process and its servers.
    pub(crate) fn start_on_small_disk(folder: &Folder, mib: u32, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        fs::create_dir(folder.data()).unwrap();
        let bare = Self::command(folder, arguments);
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        // Whoever is not root is so in a namespace of their own for as long as it takes, and not when it starts: PostgreSQL refuses root.
        let (become_root, be_oneself) = if user.is_root() {
            (vec![], String::new())
        } else {
            (vec!["--map-root-user"], format!("unshare --user --map-user={user} --map-group={group} "))
        };
        let script = format!("mount -t tmpfs -o size={mib}m,mode=755 tmpfs \"$0\" && exec {be_oneself}\"$@\"");
        let mut command = Command::new("unshare");
        command.args(become_root).args(["--mount", "/bin/sh", "-c", &script]).arg(folder.data());
        command.arg(bare.get_program()).args(bare.get_args()).stdin(Stdio::null());
        for (name, value) in bare.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("RUST_LOG", "debug").envs(environment.iter().copied());
        Self::spawn(folder, command)
    }

    fn spawn(folder: &Folder, mut command: Command) -> Self {
        // Every HTTP client of the tests needs it; whoever comes second finds it there.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let starts = fs::read_dir(folder.path()).unwrap().count();
        let log = folder.path().join(format!("log-{starts}"));
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        folder.keep(child.id());
        let lines = lines_of(&mut child);
        let mut process = Self { child, log, said: String::new() };
        while process.url().is_none() {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                panic!("{command:?} is not ready; it said:\n{}\n{}", process.said, process.logged());
            };
            process.said.push_str(&line);
            process.said.push('\n');
        }
        process
    }

    /// Returns the address in the line that begins with `ready`.
    pub(crate) fn url(&self) -> Option<&str> {
        self.said.lines().find_map(|line| line.strip_prefix("ready ")).map(str::trim)
    }

    /// Returns its data folder as it sees it, where that is on a disk of its own.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.child.id(), path.display()))
    }

    /// Returns how many bytes of memory it holds now.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        held.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Returns what it printed before it was ready.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// Returns where it logs to.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Returns its log so far.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Holds it where it is, or lets it go on; its servers run.
    pub(crate) fn hold(&self, is_held: bool) {
        let signal = if is_held { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Asks it to stop, as Ctrl-C does, and waits for it.
    pub(crate) async fn interrupt(self) -> ExitStatus {
        self.stop(Signal::SIGINT).await
    }

    /// Asks it to stop, as a supervisor does, and waits for it.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.stop(Signal::SIGTERM).await
    }

    async fn stop(mut self, signal: Signal) -> ExitStatus {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        let end = format!("the end of tempchat, which logs to {}", self.log.display());
        until(&end, async || self.child.try_wait().unwrap()).await
    }
}

/// Reads what a process prints, also what nobody asks for: a full pipe would stop it.
fn lines_of(child: &mut Child) -> mpsc::Receiver<String> {
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let (say, said) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _nobody_listens_any_more = say.send(line);
        }
    });
    said
}

/// Lists the command lines of all processes that name a folder: servers, and whoever watches over them.
pub(crate) fn processes_on(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        // A process may end while it is looked at.
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}
