//! `tempchat agent`: agents and their keys, beside a running installation.

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use command_service::Commands;
use domain::agent::{Grant, Scope};
use domain::{Millis, Timestamp};
use gateway::Moment;
use query_service::{KeyView, Queries};
use serde_json::{Value, json};

use crate::cli::{Agent, Key};
use crate::config::Config;
use crate::installation::{self, Servers};
use crate::webhook;

/// Carries out a command about agents.
pub(crate) async fn run(config: Config, command: Agent, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::log(&config, &servers, installation::read_secrets(&config.data)?).await?;
    let commands = Commands::new(backbone.clone(), config.policy());
    match command {
        Agent::Add { name } => {
            let (agent, _) = commands.register_agent(&name).await?;
            let key = commands.issue_key(agent, "first", Grant::default()).await?;
            let plain = format!("agent  {agent}\nkey    {}\n\nThe key is shown this once.", key.text);
            print(as_json, &json!({"agent_id": agent, "name": name, "key_id": key.key, "key": key.text}), &plain);
        }
        Agent::Key(Key::Issue { agent, name, scopes, link, expires }) => {
            let scopes = (!scopes.is_empty()).then(|| scopes.into_iter().collect());
            let grant = Grant { scopes, link, expires_at: end(expires)? };
            let key = commands.issue_key(agent, &name, grant.clone()).await?;
            let plain = format!("key    {}\n\nIt is shown this once; its id is {}.", key.text, key.key);
            let mut value = json!({"agent_id": agent, "name": name, "key_id": key.key, "key": key.text});
            tell(&mut value, &grant);
            print(as_json, &value, &plain);
        }
        Agent::Key(Key::Rotate { agent, key, overlap, expires }) => {
            let until = end(Some(overlap))?;
            let new = commands.rotate_key(agent, key, millis(overlap)?, end(expires)?).await?;
            let until = until.map(Moment);
            let old = until.map(|until| format!(" The old one is good until {until}.")).unwrap_or_default();
            let plain = format!("key    {}\n\nIt is shown this once.{old}", new.text);
            print(as_json, &json!({"agent_id": agent, "key_id": key, "key": new.text, "old_until": until}), &plain);
        }
        Agent::Key(Key::Revoke { agent, key }) => {
            commands.revoke_key(agent, key).await?;
            print(as_json, &json!({"agent_id": agent, "key_id": key, "revoked": true}), &format!("{key} is revoked"));
        }
        Agent::Webhook(command) => webhook::run(&config, command, &commands, &backbone, &servers, as_json).await?,
        Agent::List => list(&Queries::new(installation::rows(&servers).await?, backbone), as_json).await?,
    }
    Ok(())
}

async fn list(queries: &Queries, as_json: bool) -> Result<()> {
    let agents = queries.agents().await?;
    let now = command_service::clock::now();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["agent", "name", "key", "key name", "may", "last used", ""]);
    let mut values = Vec::new();
    for agent in agents {
        if agent.keys.is_empty() {
            table.add_row([agent.id.to_string(), agent.name.clone()]);
        }
        for key in &agent.keys {
            let used = key.used_at.map_or_else(|| "never".to_owned(), |at| Moment(at).to_string());
            let (may, state) = (may(key), state(key, now));
            table.add_row([agent.id.to_string(), agent.name.clone(), key.id.to_string(), key.name.clone(), may, used, state]);
        }
        let keys: Vec<Value> = agent.keys.iter().map(as_value).collect();
        values.push(json!({"agent_id": agent.id, "name": agent.name, "keys": keys}));
    }
    print(as_json, &Value::Array(values), &table.trim_fmt());
    Ok(())
}

/// Tells in a few words what a key may do.
fn may(key: &KeyView) -> String {
    let scopes: Vec<_> = key.grant.scopes().map(Scope::as_str).collect();
    let scopes = if key.grant.scopes.is_none() { "everything".to_owned() } else { scopes.join(" ") };
    key.grant.link.map_or(scopes.clone(), |link| format!("{scopes} on {link}"))
}

/// Tells what is to be known of a key's life.
fn state(key: &KeyView, now: Timestamp) -> String {
    let ends = key.grant.expires_at.map(|at| if at <= now { "expired".to_owned() } else { format!("until {}", Moment(at)) });
    let overlap = key.overlap_until.filter(|until| *until > now).map(|until| format!("old secret until {}", Moment(until)));
    match key.revoked_at {
        Some(_) => "revoked".to_owned(),
        None => [ends, overlap].into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

fn as_value(key: &KeyView) -> Value {
    let mut value = json!({
        "key_id": key.id,
        "name": key.name,
        "issued_at": Moment(key.issued_at),
        "rotated_at": key.rotated_at.map(Moment),
        "old_until": key.overlap_until.map(Moment),
        "last_used_at": key.used_at.map(Moment),
        "revoked": key.revoked_at.is_some(),
    });
    tell(&mut value, &key.grant);
    value
}

/// Adds what a key may do.
fn tell(value: &mut Value, grant: &Grant) {
    value["scopes"] = grant.scopes().map(Scope::as_str).collect();
    value["link_id"] = json!(grant.link);
    value["expires_at"] = json!(grant.expires_at.map(Moment));
}

/// Counts a length from now.
fn end(length: Option<humantime::Duration>) -> Result<Option<Timestamp>> {
    length.map(|length| Ok(command_service::clock::now() + millis(length)?)).transpose()
}

fn millis(length: humantime::Duration) -> Result<Millis> {
    Ok(Millis(i64::try_from(length.as_millis()).context("that is too long")?))
}

pub(crate) fn print(as_json: bool, value: &Value, plain: &str) {
    if as_json {
        println!("{value}");
    } else {
        println!("{plain}");
    }
}
