//! `tempchat agent list`: agents, their keys, and what each key may do.

use anyhow::Result;
use comfy_table::{Table, presets};
use domain::Timestamp;
use domain::agent::Scope;
use gateway::Moment;
use query_service::{KeyView, Queries};
use serde_json::{Value, json};

use super::grant;
use crate::output::print;

/// Lists all agents.
pub(super) async fn run(queries: &Queries, as_json: bool) -> Result<()> {
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

/// Says briefly what a key may do.
fn may(key: &KeyView) -> String {
    let scopes: Vec<_> = key.grant.scopes().map(Scope::as_str).collect();
    let scopes = if key.grant.scopes.is_none() { "everything".to_owned() } else { scopes.join(" ") };
    key.grant.link.map_or(scopes.clone(), |link| format!("{scopes} on {link}"))
}

/// Says whether a key is revoked, and when it or its old secret ends.
fn state(key: &KeyView, now: Timestamp) -> String {
    let ends = key.grant.expires_at.map(|at| if at <= now { "expired".to_owned() } else { format!("until {}", Moment(at)) });
    let overlap = key.overlap_until.filter(|until| *until > now).map(|until| format!("old secret until {}", Moment(until)));
    match key.revoked_at {
        Some(_) => "revoked".to_owned(),
        None => [ends, overlap].into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

/// Returns a key as JSON.
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
    grant::add_to(&mut value, &key.grant);
    value
}
