//! `tempchat up`: everything, from two servers to a person chatting with a demo agent.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use command_service::Commands;
use domain::agent::Grant;
use indicatif::{ProgressBar, ProgressStyle};
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use url::Url;

use crate::access::{ADDRESS, AGENT_KEY, Access};
use crate::config::{Config, ListenOptions};
use crate::demo::Demo;
use crate::installation::{self, Pools, Servers};
use crate::system::{Listeners, Role, StopSignals, System, public_url};
use crate::{demo, mcp_config};

/// The file with the demo agent's key.
const DEMO_KEY: &str = "demo.key";

/// Options of `tempchat up`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) listen: ListenOptions,

    /// Start without the demo link and the agent that answers on it
    #[arg(long)]
    no_demo: bool,
}

/// The servers that this process started, if any.
#[derive(Debug, Default)]
struct Embedded {
    nats: Option<NatsServer>,
    postgres: Option<Postgres>,
}

/// Starts everything and keeps it running until asked to stop.
pub(crate) async fn run(config: Config, options: Options) -> Result<()> {
    let mut stop = StopSignals::listen()?;
    let data = DataDir::open(&config.data)?;
    let listeners = Listeners::open(&config).await?;
    let url = public_url(&config, &listeners)?;
    let mut embedded = Embedded::default();
    let running = tokio::select! {
        running = everything(&config, &options, &data, listeners, &url, &mut embedded) => running,
        () = stop.next() => Ok(None),
    };
    let outcome = match running {
        Ok(Some((mut system, demo))) => {
            let outcome = tokio::select! {
                () = stop.next() => Ok(()),
                error = system.died() => Err(error),
                error = embedded.died() => Err(error),
            };
            eprintln!("stopping");
            if let Some(demo) = demo {
                demo.stop().await;
            }
            system.stop().await.and(outcome)
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    embedded.stop().await;
    outcome
}

/// Starts all parts and says how to reach them.
async fn everything(
    config: &Config,
    options: &Options,
    data: &DataDir,
    listeners: Listeners,
    url: &Url,
    embedded: &mut Embedded,
) -> Result<Option<(System, Option<Demo>)>> {
    let progress = Progress::start();
    let servers = embedded.start(config, data, &progress).await?;
    progress.say("opening the event log");
    let backbone = installation::open_log(config, &servers, installation::keep_secrets(data)?).await?;
    progress.say("preparing the read models");
    let pools = Pools::open(config, &servers).await?;
    progress.say("starting all parts");
    // What runs in this process is reached where it listens, whatever a proxy in front is called.
    let local: Url = format!("http://{}", listeners.public.local_addr()?).parse()?;
    let system =
        System::start(config, backbone, pools, &[Role::Gateway, Role::Projector, Role::Worker, Role::Webhooks], Some(listeners))
            .await?;
    let key = agent_key(&system.commands, data, AGENT_KEY, "agent").await?;
    let demo = if options.no_demo {
        None
    } else {
        progress.say("waking the demo agent");
        let key = agent_key(&system.commands, data, DEMO_KEY, demo::NAME).await?;
        Some(Demo::start(&local, &key).await.context("the demo agent cannot start; --no-demo leaves it out")?)
    };
    progress.done();
    let access = Access { base: url.as_str().trim_end_matches('/').to_owned(), key, data: Some(config.data.clone()) };
    data.write_secret(ADDRESS, &access.base)?;
    announce(&access, demo.as_ref())?;
    Ok(Some((system, demo)))
}

impl Embedded {
    /// Starts the servers that the environment does not name.
    async fn start(&mut self, config: &Config, data: &DataDir, progress: &Progress) -> Result<Servers> {
        let nats_url = if let Some(url) = &config.nats_url {
            url.clone()
        } else {
            progress.say("starting nats-server");
            self.nats.insert(NatsServer::start(data, NatsOptions::default()).await?).url().to_owned()
        };
        let database_url = if let Some(url) = &config.database_url {
            url.clone()
        } else {
            progress.say("starting PostgreSQL");
            self.postgres.insert(Postgres::start(data, PostgresOptions::default()).await?).url().to_owned()
        };
        Ok(Servers { nats_url, database_url })
    }

    /// Waits until a server dies by itself.
    async fn died(&self) -> anyhow::Error {
        let nats = async {
            match &self.nats {
                Some(nats) => nats.died().await,
                None => std::future::pending().await,
            }
        };
        let postgres = async {
            match &self.postgres {
                Some(postgres) => postgres.died().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = nats => error.into(),
            error = postgres => error.into(),
        }
    }

    async fn stop(self) {
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
        if let Some(nats) = self.nats {
            nats.stop().await;
        }
    }
}

/// Reads the key kept in the folder, or registers an agent and keeps its first key there.
async fn agent_key(commands: &Commands, data: &DataDir, file: &str, name: &str) -> Result<String> {
    if let Ok(kept) = std::fs::read_to_string(data.join(file)) {
        match commands.authenticate(kept.trim()).await {
            Ok(_) => return Ok(kept.trim().to_owned()),
            Err(command_service::Refusal::KeyInvalid) => {
                tracing::warn!(file, "the kept key is not valid in this log; a new agent is made");
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let (agent, _) = commands.register_agent(name).await?;
    let key = commands.issue_key(agent, "up", Grant::default()).await?;
    data.write_secret(file, &key.text)?;
    Ok(key.text)
}

/// Says how to reach it all; the last line tells programs that all is ready.
fn announce(access: &Access, demo: Option<&Demo>) -> Result<()> {
    let Access { base, key, .. } = access;
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nTempchat    {base}")?;
    writeln!(out, "MCP         {base}/mcp")?;
    writeln!(out, "Agent key   {key}")?;
    writeln!(out, "\n{}", mcp_config::configuration(access))?;
    if let Some(demo) = demo {
        writeln!(out, "Chat with the demo agent, in any browser:\n\n    {}\n", demo.url())?;
    }
    writeln!(out, "ready {base}")?;
    out.flush()?;
    Ok(())
}

/// Shows which step takes its time; on a terminal only.
struct Progress(ProgressBar);

impl Progress {
    fn start() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} ({elapsed})").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    fn say(&self, step: &'static str) {
        self.0.set_message(step);
        tracing::debug!(step, "up");
    }

    fn done(&self) {
        self.0.finish_and_clear();
    }
}
