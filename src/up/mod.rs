//! `tempchat up`: everything, from two servers to a person chatting with a demo agent.

mod embedded;
mod full_disk;

use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use command_service::Commands;
use domain::agent::Grant;
use gateway::Probes;
use indicatif::{ProgressBar, ProgressStyle};
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use url::Url;

use crate::access::{ADDRESS, AGENT_KEY, Access};
use crate::awaiting::{self, Waits};
use crate::config::{Config, ListenOptions, LogFormat};
use crate::demo::Demo;
use crate::installation::{self, Servers};
use crate::system::{Asked, Listeners, Role, StopSignals, System, public_url};
use crate::{demo, mcp_config, output};
use embedded::Supervised;
use full_disk::Healer;

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
    nats: Option<Supervised>,
    postgres: Option<Supervised>,
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
        _ = stop.next() => Ok(None),
    };
    let outcome = match running {
        Ok(Some((mut system, demo))) => {
            let outcome = tokio::select! {
                asked = stop.next() => Ok(asked),
                error = system.died() => Err(error),
            };
            output::note("stopping");
            if let Ok(Asked::Terminate) = outcome {
                system.drain(&config, &mut stop).await;
            }
            // The demo agent's wait is answered because the service stops.
            let demo = async {
                if let Some(demo) = demo {
                    demo.stop().await;
                }
            };
            let ((), stopped) = tokio::join!(demo, system.stop());
            stopped.and(outcome.map(|_| ()))
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
    progress.say("opening the event log and the read models");
    let waits = Waits { for_log: config.nats_url.is_some(), for_rows: config.database_url.is_some() };
    let secrets = || installation::keep_secrets(data);
    let (backbone, pools) = awaiting::open(config, &servers, secrets, waits, Some(&listeners.public)).await?;
    progress.say("starting all parts");
    // What runs in this process is reached where it listens, whatever a proxy in front is called.
    let local: Url = format!("http://{}", listeners.public.local_addr()?).parse()?;
    let (probes, healer) = embedded.probes(data);
    let roles = [Role::Gateway, Role::Projector, Role::Worker, Role::Webhooks];
    let mut system = System::start(config, backbone.clone(), pools, &roles, Some(listeners), probes).await?;
    if let Some(healer) = healer {
        system.add("healing of the log", healer.run(backbone));
    }
    let (key, is_new) = agent_key(&system.commands, data, AGENT_KEY, "agent").await?;
    let demo = if options.no_demo {
        None
    } else {
        progress.say("waking the demo agent");
        let (key, _) = agent_key(&system.commands, data, DEMO_KEY, demo::NAME).await?;
        Some(Demo::start(&local, &key).await.context("the demo agent cannot start; --no-demo leaves it out")?)
    };
    progress.done();
    let access = Access { base: url.as_str().trim_end_matches('/').to_owned(), key, data: Some(config.data.clone()) };
    data.write_secret(ADDRESS, &access.base)?;
    // A key on a screen is seen by whoever sits there; elsewhere it would be kept by whatever keeps what programs print.
    let is_shown = is_new && config.log_format == LogFormat::Text && std::io::stdout().is_terminal();
    match announce(&access, is_shown, demo.as_ref()) {
        // Nobody reads it; the service is there all the same.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        announced => announced?,
    }
    Ok(Some((system, demo)))
}

impl Embedded {
    /// Starts the servers that the environment does not name.
    async fn start(&mut self, config: &Config, data: &DataDir, progress: &Progress) -> Result<Servers> {
        let nats_url = if let Some(url) = &config.nats_url {
            url.clone()
        } else {
            progress.say("starting nats-server");
            let server = NatsServer::start(data, NatsOptions::default()).await?;
            let url = server.url().to_owned();
            self.nats.insert(Supervised::new(server, &url)).url().to_owned()
        };
        let database_url = if let Some(url) = &config.database_url {
            url.clone()
        } else {
            progress.say("starting PostgreSQL");
            let server = Postgres::start(data, PostgresOptions::default()).await?;
            let url = server.url().to_owned();
            self.postgres.insert(Supervised::new(server, &url)).url().to_owned()
        };
        Ok(Servers { nats_url, database_url })
    }

    /// Returns what tells readiness how the servers are, and what heals the log where it is ours.
    fn probes(&self, data: &DataDir) -> (Probes, Option<Healer>) {
        let probes =
            [&self.nats, &self.postgres].into_iter().flatten().fold(Probes::default(), |probes, kept| kept.probe(probes));
        match &self.nats {
            Some(nats) => {
                let (healer, probes) = Healer::new(data.path().to_owned(), nats.anew(), probes);
                (probes, Some(healer))
            }
            None => (probes, None),
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

/// Reads the key kept in the folder, or registers an agent and keeps its first key there; says whether it is new.
async fn agent_key(commands: &Commands, data: &DataDir, file: &str, name: &str) -> Result<(String, bool)> {
    if let Ok(kept) = std::fs::read_to_string(data.join(file)) {
        match commands.authenticate(kept.trim()).await {
            Ok(_) => return Ok((kept.trim().to_owned(), false)),
            Err(command_service::Refusal::KeyInvalid) => {
                tracing::warn!(file, "the kept key is not valid in this log; a new agent is made");
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let (agent, _) = commands.register_agent(name).await?;
    let key = commands.issue_key(agent, "up", Grant::default()).await?;
    data.write_secret(file, &key.text)?;
    Ok((key.text, true))
}

/// What stands for the key in what is to be pasted.
const KEY: &str = "KEY";

/// Says how to reach it all, the key at most once; the last line tells programs that all is ready.
fn announce(access: &Access, is_key_shown: bool, demo: Option<&Demo>) -> std::io::Result<()> {
    let Access { base, key, data } = access;
    let file = data.as_deref().unwrap_or(std::path::Path::new("")).join(AGENT_KEY);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nTempchat    {base}")?;
    writeln!(out, "MCP         {base}/mcp")?;
    if is_key_shown {
        writeln!(out, "Agent key   {key}\n            shown this once; it is also in {}", file.display())?;
    } else {
        writeln!(out, "Agent key   in {}", file.display())?;
    }
    let to_paste = Access { key: KEY.to_owned(), ..access.clone() };
    writeln!(out, "\nFor {KEY} put the agent key, or let `tempchat mcp-config CLIENT` print it filled in.\n")?;
    writeln!(out, "{}", mcp_config::configuration(&to_paste))?;
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
