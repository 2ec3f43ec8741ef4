//! `tempchat serve`: single roles against servers that run already; several processes share one log.

use std::io::{ErrorKind, Write};

use anyhow::Result;
use clap::Args;
use gateway::Probes;

use crate::awaiting::{self, Waits};
use crate::config::{Config, ListenOptions};
use crate::installation::{self, Servers};
use crate::system::{Asked, Listeners, Role, StopSignals, System, public_url};

/// Options of `tempchat serve`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which roles; several may share a process
    #[arg(value_enum, required = true)]
    roles: Vec<Role>,

    #[command(flatten)]
    pub(crate) listen: ListenOptions,
}

/// Runs the wanted roles until asked to stop.
pub(crate) async fn run(config: Config, options: Options) -> Result<()> {
    let listeners = if options.roles.contains(&Role::Gateway) { Some(Listeners::open(&config).await?) } else { None };
    let mut stop = StopSignals::listen()?;
    let servers = Servers::running(&config)?;
    let secrets = || installation::read_secrets(&config.data);
    let listener = listeners.as_ref().map(|listeners| &listeners.public);
    let opened = tokio::select! {
        opened = awaiting::open(&config, &servers, secrets, Waits::FOR_BOTH, listener) => opened?,
        _ = stop.next() => return Ok(()),
    };
    let (backbone, pools) = opened;
    let url = listeners.as_ref().map(|listeners| public_url(&config, listeners)).transpose()?;
    let mut system = System::start(&config, backbone, pools, &options.roles, listeners, Probes::default()).await?;
    let mut out = std::io::stdout();
    let told = writeln!(out, "ready{}", url.map(|url| format!(" {}", url.as_str().trim_end_matches('/'))).unwrap_or_default());
    // Where nobody reads it, the service is there all the same.
    told.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })?;
    let outcome = tokio::select! {
        asked = stop.next() => Ok(asked),
        error = system.died() => Err(error),
    };
    if let Ok(Asked::Terminate) = outcome {
        system.drain(&config, &mut stop).await;
    }
    system.stop().await.and(outcome.map(|_| ()))
}
