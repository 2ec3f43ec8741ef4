//! `tempchat up` as a process of its own: what the kernel measures of it contains no bench.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use command_service::Commands;
use nats::{Backbone, Options, Secrets};
use servers::Running;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::sessions;

/// The process, with servers of its own.
pub(crate) struct TempchatProcess {
    child: Child,
    pub(crate) gateway: SocketAddr,
}

impl TempchatProcess {
    /// Starts it on a folder, and waits until it is ready.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?.with_file_name("tempchat"))
            .args(["up", "--no-demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("`tempchat` cannot be started: it must stand beside this binary (`./dev bench` builds both)")?;
        let mut lines = BufReader::new(child.stdout.take().context("the output is piped")?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(url) = line.strip_prefix("ready http://") {
                return Ok(Self { child, gateway: url.parse()? });
            }
        }
        anyhow::bail!("`tempchat up` ended before it was ready")
    }

    /// Reads its `VmRSS` in kilobytes (proc(5)).
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Ends it as Ctrl-C does.
    pub(crate) async fn stop(mut self) -> Result<()> {
        nix::sys::signal::kill(self.pid()?, nix::sys::signal::Signal::SIGINT)?;
        self.child.wait().await?;
        Ok(())
    }

    fn pid(&self) -> Result<nix::unistd::Pid> {
        Ok(nix::unistd::Pid::from_raw(i32::try_from(self.child.id().context("the process runs")?)?))
    }
}

/// Opens the log of an installation that runs on a folder, to make things in it.
pub(crate) async fn beside(folder: &Path) -> Result<(Backbone, Commands, Secrets)> {
    let servers = Running::on(folder).context("`tempchat up` runs on the folder")?;
    let secrets = Secrets::parse(&std::fs::read_to_string(folder.join("secrets.json"))?)?;
    let url = servers.nats_url.context("it has a server of its own")?;
    let backbone = Backbone::connect(Options::new(url, secrets.clone())).await?;
    let commands = Commands::new(backbone.clone(), sessions::policy());
    Ok((backbone, commands, secrets))
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes are small")]
pub(crate) fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1_024.0
}
