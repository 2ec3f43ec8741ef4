//! `tempchat agent`: agents and their keys, beside a running installation.

use anyhow::Result;
use comfy_table::{Table, presets};
use command_service::Commands;
use query_service::Queries;
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
            let key = commands.issue_key(agent, "first").await?;
            let plain = format!("agent  {agent}\nkey    {}\n\nThe key is shown this once.", key.text);
            print(as_json, &json!({"agent_id": agent, "name": name, "key_id": key.key, "key": key.text}), &plain);
        }
        Agent::Key(Key::Issue { agent, name }) => {
            let key = commands.issue_key(agent, &name).await?;
            let plain = format!("key    {}\n\nIt is shown this once; its id is {}.", key.text, key.key);
            print(as_json, &json!({"agent_id": agent, "name": name, "key_id": key.key, "key": key.text}), &plain);
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
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["agent", "name", "key", "key name", ""]);
    let mut values = Vec::new();
    for agent in agents {
        if agent.keys.is_empty() {
            table.add_row([agent.id.to_string(), agent.name.clone()]);
        }
        for key in &agent.keys {
            let state = if key.revoked_at.is_some() { "revoked" } else { "" };
            table.add_row([agent.id.to_string(), agent.name.clone(), key.id.to_string(), key.name.clone(), state.to_owned()]);
        }
        let keys: Vec<Value> = agent
            .keys
            .iter()
            .map(|key| json!({"key_id": key.id, "name": key.name, "revoked": key.revoked_at.is_some()}))
            .collect();
        values.push(json!({"agent_id": agent.id, "name": agent.name, "keys": keys}));
    }
    print(as_json, &Value::Array(values), &table.trim_fmt());
    Ok(())
}

pub(crate) fn print(as_json: bool, value: &Value, plain: &str) {
    if as_json {
        println!("{value}");
    } else {
        println!("{plain}");
    }
}
