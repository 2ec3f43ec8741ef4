//! `tempchat log`: reads and verifies the event log.

use anyhow::Result;
use clap::Subcommand;
use domain::{AgentId, Sealed, Target, link, session};
use nats::{AnyEvent, Backbone, Fact, FeedError, Field, Hash, Opener, Recorded, Text};
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
    /// Check every chain of the log, and print each shard's head
    Verify,
}

/// Carries out a command about the log.
pub(crate) async fn run(config: Config, command: Command, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::open_log(&config, &servers, installation::read_secrets(&config.data)?).await?;
    match command {
        Command::Verify => verify(&backbone, as_json).await,
        Command::Show { agent, with_text } => show(&backbone, agent, with_text, as_json).await,
    }
}

/// Checks every chain and prints the heads.
async fn verify(backbone: &Backbone, as_json: bool) -> Result<()> {
    for shard in backbone.shards() {
        let head = backbone.verify(shard).await?;
        if as_json {
            println!(
                "{}",
                json!({
                    "shard": shard.0, "epoch": head.epoch.to_string(), "sequence": head.sequence, "running_hash": head.running.to_string(),
                    "commits": head.commits, "events": head.events, "aggregates": head.aggregates,
                })
            );
        } else {
            println!(
                "shard {}: whole. {} commits, {} events of {} aggregates; head: epoch {}, sequence {}, running hash {}",
                shard.0, head.commits, head.events, head.aggregates, head.epoch, head.sequence, head.running
            );
        }
    }
    Ok(())
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
        let mut feed = backbone.feed(shard, 0, Hash::default());
        let mut at = 0;
        while at < end {
            for recorded in next(&mut feed).await? {
                at = recorded.sequence;
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

async fn next(feed: &mut nats::Feed) -> Result<Vec<Recorded>, FeedError> {
    feed.next(BATCH).await
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
        AnyEvent::Session(session::Event::Rated { feedback, .. }) => feedback.as_ref().map(|text| (Field::Feedback, text)),
        AnyEvent::Agent(_)
        | AnyEvent::Link(
            link::Event::Paused
            | link::Event::Resumed
            | link::Event::TokenRotated { .. }
            | link::Event::Expiring { .. }
            | link::Event::Expired
            | link::Event::Admitted { .. }
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
            | session::Event::Ended { .. }
            | session::Event::Erased,
        ) => None,
    }
}
