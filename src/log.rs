//! `tempchat log`: reads and verifies the event log.

use anyhow::{Context, Result};
use clap::Subcommand;
use domain::{AgentId, Sealed, Target, link, session};
use nats::{AnyEvent, Backbone, Fact, Field, Opener, Shard, Text};
use serde_json::json;

use crate::config::Config;
use crate::installation::{self, Servers};

/// Commits read at once.
const BATCH: usize = 500;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the events of the log, oldest first, one a line
    Show {
        /// One agent's events only
        #[arg(long, value_name = "AGENT")]
        agent: Option<domain::AgentId>,
        /// Open the words: only where their key still exists
        #[arg(long)]
        with_text: bool,
    },
    /// Prove the log: every commit is there or named by a pruning record, every chain holds, the rows agree. Prints each shard's head
    Verify {
        /// Prove the log alone: PostgreSQL is not asked how far the rows have come
        #[arg(long)]
        log_only: bool,
    },
}

/// Carries out a command about the log.
pub(crate) async fn run(config: Config, command: Command, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::read_log(&config, &servers, installation::read_secrets(&config.data)?).await?;
    match command {
        Command::Verify { log_only } => verify(&backbone, (!log_only).then_some(&servers), as_json).await,
        Command::Show { agent, with_text } => show(&backbone, agent, with_text, as_json).await,
    }
}

/// Proves every shard, compares it with what the rows have come to, and prints the heads.
async fn verify(backbone: &Backbone, rows: Option<&Servers>, as_json: bool) -> Result<()> {
    let checkpoints = match rows {
        Some(servers) => {
            read_checkpoints(servers).await.context("how far the rows have come is not known; --log-only proves the log alone")?
        }
        None => Vec::new(),
    };
    let mut is_whole = true;
    for shard in backbone.shards() {
        let of_shard: Vec<_> = checkpoints.iter().filter(|checkpoint| checkpoint.shard == shard).collect();
        let at: Vec<u64> = of_shard.iter().map(|checkpoint| checkpoint.sequence).collect();
        let head = match backbone.verify(shard, &at).await {
            Ok(head) => head,
            Err(error) => {
                is_whole = false;
                print_fault(shard, &error.to_string(), as_json);
                continue;
            }
        };
        let differs = of_shard.iter().find(|checkpoint| !checkpoint.agrees_with(&head));
        if let Some(checkpoint) = differs {
            is_whole = false;
            let fault = format!(
                "the log is not the one that {} were made of, up to {}: commits were changed or lost, or the rows belong to another log. Restore                  the log, or run `tempchat rebuild` if this one is right",
                checkpoint.projection, checkpoint.sequence
            );
            print_fault(shard, &fault, as_json);
            continue;
        }
        if as_json {
            println!(
                "{}",
                json!({
                    "shard": shard.0, "whole": true, "epoch": head.epoch.to_string(), "sequence": head.sequence,
                    "running_hash": head.running.to_string(), "commits": head.commits, "events": head.events,
                    "aggregates": head.aggregates, "pruned": head.pruned, "pruning_records": head.pruning_records,
                })
            );
        } else {
            println!(
                "shard {}: whole. {} commits, {} events of {} aggregates; {} pruned commits, named by {} records; head: epoch {}, sequence {}, \
                 running hash {}",
                shard.0,
                head.commits,
                head.events,
                head.aggregates,
                head.pruned,
                head.pruning_records,
                head.epoch,
                head.sequence,
                head.running
            );
        }
    }
    anyhow::ensure!(is_whole, "the log is not whole");
    Ok(())
}

async fn read_checkpoints(servers: &Servers) -> Result<Vec<follower::Progress>> {
    Ok(follower::checkpoints(&installation::read_rows(servers).await?).await?)
}

fn print_fault(shard: Shard, fault: &str, as_json: bool) {
    if as_json {
        println!("{}", json!({"shard": shard.0, "whole": false, "fault": fault}));
    } else {
        println!("shard {shard}: not whole. {fault}");
    }
}

/// Prints events, oldest first within each shard.
async fn show(backbone: &Backbone, agent: Option<AgentId>, with_text: bool, as_json: bool) -> Result<()> {
    let shards: Vec<_> = match agent {
        Some(agent) => vec![backbone.shard_of(agent)],
        None => backbone.shards().collect(),
    };
    let opener = backbone.opener();
    for shard in shards {
        let end = backbone.end(shard).await?;
        let mut feed = backbone.tail(shard, 0);
        let mut at = 0;
        while at < end {
            for message in feed.next(BATCH).await? {
                at = message.sequence();
                let Some(recorded) = message.commit() else { continue };
                if agent.is_some_and(|agent| agent != recorded.address.agent) {
                    continue;
                }
                for fact in recorded.facts() {
                    print(&fact, with_text.then_some(&opener), as_json).await?;
                }
            }
        }
    }
    Ok(())
}

async fn print(fact: &Fact, opener: Option<&Opener>, as_json: bool) -> Result<()> {
    let words = match (opener, sealed(&fact.event)) {
        (Some(opener), Some((field, text))) => Some(match opener.vault(fact.address).await?.open(field, 0, &text.bytes)? {
            Text::Open(words) => words,
            Text::Erased => "(erased)".to_owned(),
        }),
        _ => None,
    };
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(fact.at.0) * 1_000_000)?
        .format(&time::format_description::well_known::Rfc3339)?;
    let target = match fact.address.target {
        Target::Agent => fact.address.agent.to_string(),
        Target::Link(link) => link.to_string(),
        Target::Session(session) => session.to_string(),
    };
    let name = fact.event.wire_name();
    if as_json {
        println!(
            "{}",
            json!({
                "shard": fact.position.shard.0, "sequence": fact.position.sequence, "index": fact.position.index, "at": at, "type": name,
                "id": fact.id().to_string(), "agent_id": fact.address.agent, "target": target, "link_id": fact.link, "text": words,
            })
        );
    } else {
        // What a chatter typed may hold terminal codes: shown escaped.
        let words = words.map(|words| format!(" {words:?}")).unwrap_or_default();
        println!("{}:{}.{} {at} {target} {name}{words}", fact.position.shard, fact.position.sequence, fact.position.index);
    }
    Ok(())
}

/// Finds the one text of an event that a person or an agent wrote.
fn sealed(event: &AnyEvent) -> Option<(Field, &Sealed)> {
    match event {
        AnyEvent::Link(link::Event::Opened { settings } | link::Event::Updated { settings }) => {
            Some((Field::Setting(link::TextSetting::Title), &settings.title))
        }
        AnyEvent::Link(link::Event::Revoked { farewell, .. }) => farewell.as_ref().map(|text| (Field::Farewell, text)),
        AnyEvent::Session(session::Event::Started { display_name, .. }) => {
            display_name.as_ref().map(|text| (Field::DisplayName, text))
        }
        AnyEvent::Session(session::Event::MessagePosted { text, .. }) => Some((Field::Message, text)),
        AnyEvent::Session(session::Event::QuestionAsked { form, .. }) => Some((Field::Form, form)),
        AnyEvent::Session(session::Event::QuestionAnswered { values, .. }) => Some((Field::Values, values)),
        AnyEvent::Session(session::Event::Reported { reason }) => Some((Field::Report, reason)),
        AnyEvent::Session(session::Event::Rated { feedback, .. }) => feedback.as_ref().map(|text| (Field::Feedback, text)),
        AnyEvent::Agent(_)
        | AnyEvent::Link(
            link::Event::Paused
            | link::Event::Resumed
            | link::Event::TokenRotated { .. }
            | link::Event::Expiring { .. }
            | link::Event::Expired
            | link::Event::Admitted { .. }
            | link::Event::BudgetDrawn { .. }
            | link::Event::BudgetReached { .. }
            | link::Event::Blocked { .. }
            | link::Event::Released { .. }
            | link::Event::Erased
            | link::Event::WebhookSet { .. },
        )
        | AnyEvent::Session(
            session::Event::MarkedRead { .. }
            | session::Event::WentIdle
            | session::Event::Resumed
            | session::Event::Rescheduled { .. }
            | session::Event::HandoffOffered { .. }
            | session::Event::HandoffMissed
            | session::Event::DeviceAdded { .. }
            | session::Event::DeviceForgotten { .. }
            | session::Event::BudgetReached { .. }
            | session::Event::BudgetSet { .. }
            | session::Event::Ended { .. }
            | session::Event::Erased,
        ) => None,
    }
}
