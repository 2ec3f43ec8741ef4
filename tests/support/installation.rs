//! `tempchat up` with servers of its own, on a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{ExitStatus, Output};
use std::sync::LazyLock;

use serde_json::Value;

use super::{Agent, Folder, Process, Visitor};

/// A running installation; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Installation {
    folder: Folder,
    process: Process,
    url: String,
    key: String,
    environment: &'static [(&'static str, &'static str)],
}

impl Installation {
    /// Returns the one that most stories share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Installation> = LazyLock::new(Installation::start);
        &SHARED
    }

    /// Starts one on a new folder.
    pub(crate) fn start() -> Self {
        Self::on(Folder::new())
    }

    /// Starts one on the folder of an earlier one.
    pub(crate) fn on(folder: Folder) -> Self {
        Self::with(folder, &[])
    }

    /// Starts one whose operator has set something in the environment.
    pub(crate) fn set_up(environment: &'static [(&'static str, &'static str)]) -> Self {
        Self::with(Folder::new(), environment)
    }

    /// Starts one on a folder, with settings in the environment.
    pub(crate) fn with(folder: Folder, environment: &'static [(&'static str, &'static str)]) -> Self {
        let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"], environment);
        let url = process.url().expect("it is ready").to_owned();
        let key = fs::read_to_string(folder.data().join("agent.key")).unwrap().trim().to_owned();
        Self { folder, process, url, key, environment }
    }

    /// Returns the address of its pages.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns its folder.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Returns its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.data()
    }

    /// Returns the key of the agent that was made for the folder.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns what it printed at its start.
    pub(crate) fn said(&self) -> &str {
        self.process.said()
    }

    /// Returns its log so far.
    pub(crate) fn logged(&self) -> String {
        self.process.logged()
    }

    /// Connects as the agent that was made for the folder.
    pub(crate) async fn agent(&self) -> Agent {
        Agent::connect(&self.url, &self.key).await
    }

    /// Registers another agent and connects as it.
    pub(crate) async fn another_agent(&self, name: &str) -> Agent {
        let added = self.json(&["agent", "add", name]);
        Agent::connect(&self.url, added[0]["key"].as_str().unwrap()).await
    }

    /// Makes a visitor who has not been here before, from an address of their own.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.url)
    }

    /// Runs another command beside it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Process::command(&self.folder, arguments).envs(self.environment.iter().copied()).output().unwrap()
    }

    /// Runs a command that succeeds and prints JSON, a value a line.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{arguments:?} prints {line}"))).collect()
    }

    /// Holds it where it is, or lets it go on; its servers run, so that other commands do.
    pub(crate) fn hold(&self, is_held: bool) {
        self.process.hold(is_held);
    }

    /// Ends it as a power cut would; its folder stays.
    pub(crate) fn kill(self) -> Folder {
        self.process.kill();
        self.folder
    }

    /// Ends it as Ctrl-C does; its folder stays.
    pub(crate) async fn interrupt(self) -> (Folder, ExitStatus) {
        let status = self.process.interrupt().await;
        (self.folder, status)
    }
}
