//! nats-server with JetStream in the data folder, on a free loopback port, with a password of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::{
    DataDir, Error, Version, disk,
    find::{Binary, Wanted},
    process::{self, Launch, Process},
    secret,
};

const TEMPLATE: &str = include_str!("../nats-server.conf");

/// The user in the template's `authorization`.
const USER: &str = "tempchat";

/// How long a start may take: the store is read first, and a million subjects take 5 s after `kill -9`.
const START_TIMEOUT: Duration = Duration::from_mins(2);

const WANTED: Wanted = Wanted {
    server: "nats-server",
    // Batches of direct gets, and `sync_interval: always`.
    oldest: Version::new(2, 11, 0),
    variable: "TEMPCHAT_NATS_SERVER",
    file: "nats-server",
    cached: "nats-server",
    known: &["/usr/local/bin", "/usr/sbin", "/usr/bin", "/opt/homebrew/bin"],
};

/// How a nats-server is to run.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// The binary; otherwise `TEMPCHAT_NATS_SERVER`, then a search.
    pub binary: Option<PathBuf>,
    /// Whether a commit is on the disk before it is acknowledged. With false a power cut may lose acknowledged commits.
    pub sync_always: bool,
    /// A fixed port, for a client that must reconnect after a restart; otherwise any free one.
    pub port: Option<u16>,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self { binary: None, sync_always: true, port: None }
    }
}

/// A running nats-server; dropping it stops it soon after.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    data: DataDir,
    url: String,
    port: u16,
    pid: u32,
    version: Version,
    options: NatsOptions,
}

impl NatsServer {
    /// Starts on `data` and returns when clients may connect.
    pub async fn start(data: &DataDir, options: NatsOptions) -> Result<Self, Error> {
        let Binary { path, version } = WANTED.find(options.binary.as_deref(), data, None, |_| true)?;
        let lock = process::lock(WANTED.server, &data.join("nats.lock")).await?;
        let password = data.secret("nats.password")?;
        let ports = data.subfolder("nats-ports")?;
        let conf = data.join("nats-server.conf");
        secret::write(&conf, &render(data, &options, &ports, &password)?)?;

        let mut command = Command::new(path);
        command.arg("--config").arg(&conf);
        let process = Process::start(Launch {
            server: WANTED.server,
            command,
            account: None,
            stop: Signal::SIGTERM,
            log: data.join("nats.log"),
            lock,
        })?;
        let Ports { pid, port } = process.until(START_TIMEOUT, || read_ports(&ports)).await?;
        let url = format!("nats://{USER}:{password}@127.0.0.1:{port}");
        data.write_secret("nats.url", &url)?;
        tracing::info!(%version, pid, port, "nats-server is ready");
        Ok(Self { process, data: data.clone(), url, port, pid, version, options })
    }

    /// Finds the binary that [`Self::start`] runs where none is named.
    pub fn find(data: &DataDir) -> Result<PathBuf, Error> {
        Ok(WANTED.find(None, data, None, |_| true)?.path)
    }

    /// Returns the URL for clients, with user and password; `async_nats` needs these two passed separately.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the server's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the server's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the data folder, for a start on the same one.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// Returns how to start it anew, where its clients look for it.
    pub fn again(&self) -> NatsOptions {
        NatsOptions { port: Some(self.port), ..self.options.clone() }
    }

    /// Waits until the server ends unexpectedly; cancel safe.
    pub async fn died(&self) -> Error {
        self.process.died().await
    }

    /// Stops the server cleanly, within 20 s.
    pub async fn stop(self) {
        self.process.stop().await;
        tracing::info!(pid = self.pid, "nats-server has stopped");
    }

    /// Ends the server as `kill -9` does, for tests.
    pub async fn kill_now(self) {
        self.process.kill_now().await;
    }
}

fn render(data: &DataDir, options: &NatsOptions, ports: &Path, password: &str) -> Result<String, Error> {
    // A file of an earlier run would be taken for this run's.
    for entry in fs::read_dir(ports).map_err(Error::io("read", ports))?.flatten() {
        fs::remove_file(entry.path()).map_err(Error::io("remove", entry.path()))?;
    }
    let port = options.port.map_or_else(|| "-1".to_owned(), |port| port.to_string());
    let store = data.subfolder("nats")?;
    Ok(TEMPLATE
        .replace("{port}", &port)
        .replace("{max_file_store}", &(disk::used(&store) + disk::free(&store)?).to_string())
        .replace("{ports}", &quoted(ports)?)
        .replace("{password}", password)
        .replace("{store}", &quoted(&store)?)
        .replace("{sync_interval}", if options.sync_always { "always" } else { "\"2m\"" }))
}

/// Quotes a path for nats-server's configuration, which uses JSON's rules.
fn quoted(path: &Path) -> Result<String, Error> {
    let path = path.to_str().ok_or_else(|| Error::NotUtf8 { path: path.to_owned() })?;
    Ok(serde_json::Value::from(path).to_string())
}

struct Ports {
    pid: u32,
    port: u16,
}

/// Reads `nats-server_PID.ports`, `{"nats": ["nats://127.0.0.1:PORT"]}`; nothing while it is not whole.
fn read_ports(folder: &Path) -> Option<Ports> {
    let path = fs::read_dir(folder).ok()?.flatten().next()?.path();
    let pid = path.file_stem()?.to_str()?.rsplit_once('_')?.1.parse().ok()?;
    let ports: serde_json::Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    let port = ports.pointer("/nats/0")?.as_str()?.rsplit_once(':')?.1.parse().ok()?;
    Some(Ports { pid, port })
}
