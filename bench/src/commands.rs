//! `./dev bench commands`: raw JetStream against the command path against HTTP, in turns, on the same servers' settings.
//!
//! Projector, worker and hub are off: what is measured is the path from a command to its acknowledgement by the log.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream;
use async_nats::jetstream::message::PublishMessage;
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use clap::Args;
use command_service::Commands;
use domain::{Address, Target};
use futures_util::StreamExt;
use nats::{Actor, Backbone, Carrier, Secrets, SessionCredentials};
use query_service::Queries;
use serde_json::json;
use servers::{DataDir, NatsOptions, NatsServer};
use tokio_util::sync::CancellationToken;

use crate::http::Connection;
use crate::load::{self, Load};
use crate::{installation, sessions};

/// Bytes of each message's text.
const TEXT: &str =
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.";
/// How many commands are in flight at once.
const IN_FLIGHT: [usize; 3] = [1, 64, 256];
/// The header that says which message must be the subject's last.
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// Options of `./dev bench commands`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Agents, spread over the shards
    #[arg(long, default_value_t = 64)]
    agents: usize,
    /// Sessions, shared out among the agents
    #[arg(long, default_value_t = 2_000)]
    sessions: usize,
    /// Rounds; the three are measured in turns in each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Length of one measurement in seconds
    #[arg(long, default_value_t = 2)]
    seconds: u64,
}

/// Measures with and without fsync, each at every number in flight.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    let most = IN_FLIGHT.into_iter().max().unwrap_or_default();
    ensure!(
        options.sessions >= most,
        "--sessions must be at least {most}: so many commands are in flight, each in a session of its own"
    );
    if !as_json {
        println!(
            "{} agents, {} sessions, all warm; {} rounds of {} s in turns, medians; projector, worker and hub off",
            options.agents, options.sessions, options.rounds, options.seconds
        );
    }
    for fsync in [true, false] {
        for in_flight in IN_FLIGHT {
            // Each begins with new servers and sessions, small enough to stay in the state cache: none is folded again.
            let setup = Setup::start(&options, fsync).await?;
            let measurements = setup.measure(&options, in_flight).await?;
            setup.stop().await;
            measurements.print(fsync, in_flight, as_json);
        }
    }
    Ok(())
}

/// Two servers alike: one for the raw messages, one for us.
struct Setup {
    ours: NatsServer,
    raw: NatsServer,
    commands: Commands,
    backbone: Backbone,
    raw_backbone: Backbone,
    sessions: Vec<Address>,
    patterns: Vec<Pattern>,
    gateway: SocketAddr,
    credentials: SessionCredentials,
    stop: CancellationToken,
    _data: [DataDir; 2],
}

/// A real message of ours, to be published raw.
#[derive(Debug, Clone)]
struct Pattern {
    subject: Subject,
    headers: HeaderMap,
    payload: Bytes,
    expected: u64,
}

/// The medians of one number in flight.
struct Measurements {
    raw: Load,
    commands: Load,
    http: Load,
    ratio_commands: f64,
    ratio_http: f64,
}

impl Setup {
    async fn start(options: &Options, fsync: bool) -> Result<Self> {
        let data = [DataDir::temporary()?, DataDir::temporary()?];
        let [for_us, for_raw] = &data;
        let nats_options = || NatsOptions { sync_always: fsync, ..NatsOptions::default() };
        let ours = NatsServer::start(for_us, nats_options()).await?;
        let raw = NatsServer::start(for_raw, nats_options()).await?;
        let secrets = Secrets::generate();
        let backbone = Backbone::connect(nats::Options::new(ours.url(), secrets.clone())).await?;
        let raw_backbone = Backbone::connect(nats::Options::new(raw.url(), secrets.clone())).await?;
        let commands = Commands::new(backbone.clone(), sessions::policy());
        let sessions = sessions::make(&backbone, &commands, options.agents, options.sessions).await?;
        let patterns = patterns(&ours, &commands, &sessions).await?;
        let stop = CancellationToken::new();
        // No answer here reads a row: the pool never connects.
        let pool = sqlx::postgres::PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none")?;
        let queries = Queries::new(pool, backbone.clone());
        let (gateway, serving) = installation::serve(&commands, &backbone, queries, stop.clone()).await?;
        tokio::spawn(serving);
        let credentials = SessionCredentials::new(&secrets);
        Ok(Self { ours, raw, commands, backbone, raw_backbone, sessions, patterns, gateway, credentials, stop, _data: data })
    }

    /// Measures the three in turns, so that a machine that slows down slows all of them.
    async fn measure(&self, options: &Options, in_flight: usize) -> Result<Measurements> {
        let length = Duration::from_secs(options.seconds);
        let client = nats::bare_client(self.raw.url()).await?;
        let mut patterns = load::shared_out(&self.patterns, in_flight);
        let (mut raws, mut ratios, mut commands, mut https) = (Vec::new(), (Vec::new(), Vec::new()), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let (raw, used) = publish_raw(&client, patterns, length).await?;
            patterns = used;
            let command = self.post(in_flight, length).await?;
            let http = self.post_http(in_flight, length).await?;
            ratios.0.push(command.per_second / raw.per_second);
            ratios.1.push(http.per_second / raw.per_second);
            raws.push(raw);
            commands.push(command);
            https.push(http);
        }
        Ok(Measurements {
            raw: middle(raws),
            commands: middle(commands),
            http: middle(https),
            ratio_commands: load::median(&mut ratios.0),
            ratio_http: load::median(&mut ratios.1),
        })
    }

    async fn post(&self, in_flight: usize, length: Duration) -> Result<Load> {
        let lanes = load::shared_out(&self.sessions, in_flight).into_iter().map(|sessions| (sessions, 0_usize)).collect();
        let commands = self.commands.clone();
        let (load, _) = load::run(lanes, length, move |(sessions, turn)| {
            let commands = commands.clone();
            async move {
                let session = *sessions.get(turn % sessions.len()).context("a lane has sessions")?;
                commands.post(session, Actor::Chatter, &commands.attempt(), TEXT).await?;
                Ok((sessions, turn + 1))
            }
        })
        .await?;
        Ok(load)
    }

    async fn post_http(&self, in_flight: usize, length: Duration) -> Result<Load> {
        let mut lanes = Vec::new();
        for sessions in load::shared_out(&self.sessions, in_flight) {
            let paths: Vec<_> = sessions.iter().filter_map(|session| self.path(session)).collect();
            lanes.push((Connection::open(self.gateway).await?, Arc::new(paths), 0_usize));
        }
        let commands = self.commands.clone();
        let (load, _) = load::run(lanes, length, move |(mut connection, paths, turn)| {
            let id = commands.attempt();
            async move {
                let (path, credential) = paths.get(turn % paths.len()).context("a lane has sessions")?;
                connection.post(path, credential, json!({"client_message_id": id, "text": TEXT}).to_string()).await?;
                Ok((connection, paths, turn + 1))
            }
        })
        .await?;
        Ok(load)
    }

    fn path(&self, session: &Address) -> Option<(String, String)> {
        let Target::Session(id) = session.target else { return None };
        Some((
            format!("/api/v1/sessions/{id}/messages"),
            self.credentials.issue(Carrier::Bearer, session.agent, id, sessions::DEVICE),
        ))
    }

    async fn stop(self) {
        self.stop.cancel();
        self.backbone.drain().await;
        self.raw_backbone.drain().await;
        self.ours.stop().await;
        self.raw.stop().await;
    }
}

/// Takes one real message of every session off the wire: raw messages are to have the same subjects, headers and sizes.
async fn patterns(server: &NatsServer, commands: &Commands, sessions: &[Address]) -> Result<Vec<Pattern>> {
    let client = nats::bare_client(server.url()).await?;
    let mut wire = client.subscribe("event.>").await?;
    client.flush().await?;
    let mut patterns = HashMap::new();
    for session in sessions {
        commands.post(*session, Actor::Chatter, &commands.attempt(), TEXT).await?;
        let message = wire.next().await.context("the server sends what is published")?;
        let headers = message.headers.unwrap_or_default();
        patterns.insert(
            message.subject.to_string(),
            Pattern { subject: message.subject, headers, payload: message.payload, expected: 0 },
        );
    }
    Ok(patterns.into_values().collect())
}

/// Publishes raw, each lane on its own subjects, each message expecting the one before it.
async fn publish_raw(
    client: &async_nats::Client,
    lanes: Vec<Vec<Pattern>>,
    length: Duration,
) -> Result<(Load, Vec<Vec<Pattern>>)> {
    let context = jetstream::new(client.clone());
    let lanes = lanes.into_iter().map(|patterns| (patterns, 0_usize)).collect();
    let (load, lanes) = load::run(lanes, length, move |(mut patterns, turn)| {
        let context = context.clone();
        async move {
            let index = turn % patterns.len();
            let pattern = patterns.get_mut(index).context("a lane has subjects")?;
            let mut headers = pattern.headers.clone();
            headers.insert(EXPECTED, pattern.expected.to_string());
            let publish = PublishMessage::build().headers(headers).payload(pattern.payload.clone());
            pattern.expected = context.send_publish(pattern.subject.clone(), publish).await?.await?.sequence;
            Ok((patterns, turn + 1))
        }
    })
    .await?;
    Ok((load, lanes.into_iter().map(|(patterns, _)| patterns).collect()))
}

fn middle(mut loads: Vec<Load>) -> Load {
    loads.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    loads.swap_remove(loads.len() / 2)
}

impl Measurements {
    fn print(&self, fsync: bool, in_flight: usize, as_json: bool) {
        if as_json {
            let one = |measured: &Load| {
                json!({
                    "per_second": measured.per_second.round(),
                    "p50_ms": load::millis(&measured.micros, 0.5),
                    "p99_ms": load::millis(&measured.micros, 0.99),
                })
            };
            println!(
                "{}",
                json!({
                    "fsync": fsync, "in_flight": in_flight, "raw": one(&self.raw), "commands": one(&self.commands), "http": one(&self.http),
                    "commands_to_raw": self.ratio_commands, "http_to_raw": self.ratio_http,
                })
            );
            return;
        }
        println!("\nfsync {}, {in_flight} in flight", if fsync { "always" } else { "off" });
        for (name, measured, ratio) in [
            ("raw JetStream", &self.raw, 1.0),
            ("commands", &self.commands, self.ratio_commands),
            ("HTTP", &self.http, self.ratio_http),
        ] {
            println!(
                "  {name:<14} {:>8.0}/s   ratio {ratio:>5.2}   p50 {:>7.2} ms   p99 {:>7.2} ms",
                measured.per_second,
                load::millis(&measured.micros, 0.5),
                load::millis(&measured.micros, 0.99)
            );
        }
    }
}
