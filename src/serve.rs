//! `tempchat serve`: single roles against servers that run already; several processes share one log.

use anyhow::Result;

use crate::cli::{Role, Serve};
use crate::config::Config;
use crate::installation::{self, Servers};
use crate::system::{Doors, StopSignals, System, public_url};

/// Runs the wanted roles until asked to stop.
pub(crate) async fn run(config: Config, options: Serve) -> Result<()> {
    let doors = if options.roles.contains(&Role::Gateway) { Some(Doors::open(&config).await?) } else { None };
    let servers = Servers::running(&config)?;
    let secrets = installation::read_secrets(&config.data)?;
    let backbone = installation::log(&config, &servers, secrets).await?;
    let pool = installation::rows(&servers).await?;
    let url = doors.as_ref().map(|doors| public_url(&config, doors)).transpose()?;
    let mut system = System::start(&config, backbone, pool, &options.roles, doors).await?;
    let mut stop = StopSignals::listen()?;
    println!("ready{}", url.map(|url| format!(" {}", url.as_str().trim_end_matches('/'))).unwrap_or_default());
    let outcome = tokio::select! {
        () = stop.next() => Ok(()),
        error = system.died() => Err(error),
    };
    system.stop().await.and(outcome)
}
