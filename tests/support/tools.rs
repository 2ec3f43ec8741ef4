//! Other people's programs, MCP clients first: those that `./dev test` has fetched, as pinned in `tests/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::soon;

/// Our own scripts that use the libraries.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools");

/// Finds the folder of `./dev`'s cache.
fn folder() -> PathBuf {
    let user = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    let places = [Some(PathBuf::from("/var/cache")), user].into_iter().flatten().map(|cache| cache.join("tempchat/tools"));
    places.into_iter().find(|place| place.join("as_pinned").exists()).unwrap_or_else(|| {
        panic!("Node.js and the programs of tests/tools are not in the cache: run `./dev tools` once (`./dev test` does)")
    })
}

/// Prepares a program of an npm package.
pub(crate) fn npm_tool(name: &str) -> Command {
    let folder = folder();
    let mut command = Command::new(folder.join("node/bin/node"));
    command.arg(folder.join("node_modules/.bin").join(name));
    command
}

/// Reads axe-core, which looks for what shuts people out of a page.
pub(crate) fn axe() -> String {
    fs::read_to_string(folder().join("node_modules/axe-core/axe.min.js")).expect("axe-core is among the tools")
}

/// Prepares Lighthouse, to look at a link's page; without categories at all that it can tell of.
pub(crate) fn lighthouse(url: &str, categories: &[&str]) -> Command {
    let folder = folder();
    let mut command = Command::new(folder.join("node/bin/node"));
    command.arg(Path::new(SCRIPTS).join("lighthouse.mjs")).arg(&folder).arg(super::chromium()).arg(url).args(categories);
    command
}

/// Prepares the Inspector's command line for a server and a method.
pub(crate) fn inspector(url: &str, key: &str, era: &str, method: &str) -> Command {
    let mut command = npm_tool("mcp-inspector");
    command.args(["--cli", url, "--transport", "http", "--header", &format!("Authorization: Bearer {key}")]);
    command.args(["--protocol-era", era, "--method", method]);
    command
}

/// Prepares the agent on the official TypeScript client.
pub(crate) fn node_client(url: &str, key: &str, era: &str) -> Command {
    let folder = folder();
    let mut command = Command::new(folder.join("node/bin/node"));
    command.arg(Path::new(SCRIPTS).join("client.mjs")).arg(folder).args([url, key, era]);
    command
}

/// Prepares an agent that waits with these arguments, on the official TypeScript packages for tasks.
pub(crate) fn node_tasks(url: &str, key: &str, arguments: &str) -> Command {
    let folder = folder();
    let mut command = Command::new(folder.join("node/bin/node"));
    command.arg(Path::new(SCRIPTS).join("tasks.mjs")).arg(folder).args([url, key, arguments]);
    command
}

/// Prepares the same on the official Python client.
pub(crate) fn python_tasks(url: &str, key: &str, arguments: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg("-B").arg(Path::new(SCRIPTS).join("tasks.py")).args([url, key, arguments]);
    command.env("PYTHONPATH", folder().join("python"));
    command
}

/// Prepares the tests of the page's modules that need no document.
pub(crate) fn page_tests() -> Command {
    let mut command = Command::new(folder().join("node/bin/node"));
    command.args(["--no-warnings", "--test"]).arg(Path::new(SCRIPTS).join("page.test.mjs"));
    command
}

/// Prepares the script of the documentation that verifies receipts.
pub(crate) fn verify_receipt() -> Command {
    let mut command = Command::new("python3");
    command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify_receipt.py"));
    command.env("PYTHONPATH", folder().join("python"));
    command
}

/// Prepares the agent on the official Python client.
pub(crate) fn python_client(url: &str, key: &str, era: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg("-B").arg(Path::new(SCRIPTS).join("client.py")).args([url, key, era]);
    command.env("PYTHONPATH", folder().join("python"));
    command
}

/// A program under way; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Run {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) succeeded: bool,
    /// What it printed that was not read before.
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Starts a program.
    pub(crate) fn start(mut command: Command) -> Self {
        let name = format!("{:?}", command.as_std().get_program());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { name, child, lines }
    }

    /// Reads the next line that it prints, which is JSON.
    pub(crate) async fn line(&mut self) -> Value {
        let Some(line) = soon(&self.name, self.lines.next_line()).await.unwrap() else {
            let ended = soon("its end", self.rest()).await;
            panic!("{} ends early: {}", self.name, ended.stderr)
        };
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{} prints {line}: {error}", self.name))
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Ended {
        let name = self.name.clone();
        soon(&name, self.rest()).await
    }

    async fn rest(&mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut errors = self.child.stderr.take().expect("it is read once");
        let printed = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                stdout.push_str(&line);
                stdout.push('\n');
            }
        };
        let ((), read) = tokio::join!(printed, errors.read_to_string(&mut stderr));
        read.unwrap();
        Ended { succeeded: self.child.wait().await.unwrap().success(), stdout, stderr }
    }
}
