//! `tempchat agent key`: issues, rotates and revokes API keys.

use anyhow::{Context, Result};
use clap::Subcommand;
use command_service::Commands;
use domain::agent::Grant;
use domain::{Millis, Timestamp};
use gateway::Moment;
use nats::Backbone;
use serde_json::json;

use super::{grant, leaked};
use crate::output::print;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Issue one more key and show it, this once
    Issue {
        /// The agent's id (agt_…)
        agent: domain::AgentId,
        /// The name under which the key acts
        #[arg(long, default_value = "key")]
        name: String,
        /// What it may do: read, messages:write, links:write, sessions:end; several with commas or repeated [default: everything]
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<domain::agent::Scope>,
        /// The only link (lnk_…), with its sessions, that it may see and touch
        #[arg(long, value_name = "LINK")]
        link: Option<domain::LinkId>,
        /// How long it is good, as 30d or 12h [default: for ever]
        #[arg(long, value_name = "LENGTH")]
        expires: Option<humantime::Duration>,
    },
    /// Give a key a new secret and show it, this once; name, scopes and what it has read stay
    Rotate {
        /// The agent's id (agt_…)
        agent: domain::AgentId,
        /// The key's id (key_…)
        key: domain::KeyId,
        /// How long the old secret is still good, at most 30d; 0s ends it at once
        #[arg(long, value_name = "LENGTH", default_value = "24h")]
        overlap: humantime::Duration,
        /// Move the key's end to so long from now [default: it stays]
        #[arg(long, value_name = "LENGTH")]
        expires: Option<humantime::Duration>,
    },
    /// Revoke a key for good
    Revoke {
        /// The agent's id (agt_…)
        agent: domain::AgentId,
        /// The key's id (key_…)
        key: domain::KeyId,
    },
    /// Revoke a key that others may have, and tell what was done with it: what it caused, the links it made, the sessions it read
    Leaked {
        /// The agent's id (agt_…)
        agent: domain::AgentId,
        /// The key's id (key_…)
        key: domain::KeyId,
        /// How far to look back, as 30d or 12h [default: the key's whole life]
        #[arg(long, value_name = "LENGTH")]
        since: Option<humantime::Duration>,
    },
}

/// Carries out a command about keys.
pub(super) async fn run(command: Command, commands: &Commands, backbone: &Backbone, as_json: bool) -> Result<()> {
    match command {
        Command::Issue { agent, name, scopes, link, expires } => {
            let scopes = (!scopes.is_empty()).then(|| scopes.into_iter().collect());
            let granted = Grant { scopes, link, expires_at: end(expires)? };
            let key = commands.issue_key(agent, &name, granted.clone()).await?;
            let plain = format!("key    {}\n\nIt is shown this once; its id is {}.", key.text, key.key);
            let mut value = json!({"agent_id": agent, "name": name, "key_id": key.key, "key": key.text});
            grant::add_to(&mut value, &granted);
            print(as_json, &value, &plain);
        }
        Command::Rotate { agent, key, overlap, expires } => {
            let until = end(Some(overlap))?;
            let new = commands.rotate_key(agent, key, millis(overlap)?, end(expires)?).await?;
            let until = until.map(Moment);
            let old = until.map(|until| format!(" The old one is good until {until}.")).unwrap_or_default();
            let plain = format!("key    {}\n\nIt is shown this once.{old}", new.text);
            print(as_json, &json!({"agent_id": agent, "key_id": key, "key": new.text, "old_until": until}), &plain);
        }
        Command::Revoke { agent, key } => {
            commands.revoke_key(agent, key).await?;
            print(as_json, &json!({"agent_id": agent, "key_id": key, "revoked": true}), &format!("{key} is revoked"));
        }
        Command::Leaked { agent, key, since } => {
            let since =
                since.map(|length| Ok::<_, anyhow::Error>(Timestamp(command_service::clock::now().0 - millis(length)?.0)));
            leaked::run((agent, key), since.transpose()?, commands, backbone, as_json).await?;
        }
    }
    Ok(())
}

/// Counts a length from now.
fn end(length: Option<humantime::Duration>) -> Result<Option<Timestamp>> {
    length.map(|length| Ok(command_service::clock::now() + millis(length)?)).transpose()
}

fn millis(length: humantime::Duration) -> Result<Millis> {
    Ok(Millis(i64::try_from(length.as_millis()).context("that is too long")?))
}
