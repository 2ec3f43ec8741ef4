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
    ("TEMPCHAT_SHARD_GIB", "1"),
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
        // Every HTTP client of the tests needs it; whoever comes second finds it there.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let starts = fs::read_dir(folder.path()).unwrap().count();
        let log = folder.path().join(format!("log-{starts}"));
        let mut child = Self::command(folder, arguments)
            .env("RUST_LOG", "debug")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        folder.keep(child.id());
        let lines = lines_of(&mut child);
        let mut process = Self { child, log, said: String::new() };
        while process.url().is_none() {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                panic!("{arguments:?} is not ready; it said:\n{}\n{}", process.said, process.logged());
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
    pub(crate) async fn interrupt(mut self) -> ExitStatus {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).unwrap();
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
