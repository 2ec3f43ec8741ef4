//! `tempchat agent`: agents and their keys, beside a running installation.

#![expect(clippy::doc_markdown, reason = "`--help` shows these lines as they stand")]

mod grant;
mod key;
mod leaked;
mod list;
mod webhook;

use anyhow::Result;
use clap::Subcommand;
use command_service::Commands;
use domain::agent::Grant;
use nats::Opening;
use query_service::Queries;
use serde_json::json;

use crate::config::Config;
use crate::installation::{self, Servers};
use crate::output::print;

/// What to do with agents.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register an agent and show its first key, this once
    Add {
        /// The agent's name, shown to chatters where a link names no other
        name: String,
    },
    /// List agents and their keys
    List,
    /// Issue, rotate or revoke API keys
    #[command(subcommand)]
    Key(key::Command),
    /// Have an agent woken: set, test, list webhooks, deliver again
    ///
    /// A webhook is called for what temp_chat_wait_for_messages would return, but for what the agent did itself: a POST, signed as
    /// Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature). Any 2xx takes it. Anything else is tried again, ever
    /// less often, for 24 hours, with the same webhook-id; then it is a dead letter. Calls may come twice and out of order. They lead to
    /// public addresses, over https, or to networks that the setting webhook_networks names.
    #[command(subcommand)]
    Webhook(webhook::Command),
}

impl Command {
    /// Says what the command may do to the log.
    fn opening(&self) -> Opening {
        match self {
            Self::List | Self::Webhook(webhook::Command::Test(_) | webhook::Command::List { .. }) => Opening::Read,
            Self::Webhook(webhook::Command::Set(options)) if options.only_shows() => Opening::Read,
            Self::Add { .. } | Self::Key(_) | Self::Webhook(webhook::Command::Set(_) | webhook::Command::Redeliver { .. }) => {
                Opening::Write
            }
        }
    }
}

/// Carries out a command about agents.
pub(crate) async fn run(config: Config, command: Command, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone =
        installation::open_log(&config, &servers, installation::read_secrets(&config.data)?, command.opening()).await?;
    let commands = Commands::new(backbone.clone(), config.policy());
    match command {
        Command::Add { name } => {
            let (agent, _) = commands.register_agent(&name).await?;
            let key = commands.issue_key(agent, "first", Grant::default()).await?;
            let plain = format!("agent  {agent}\nkey    {}\n\nThe key is shown this once.", key.text);
            print(as_json, &json!({"agent_id": agent, "name": name, "key_id": key.key, "key": key.text}), &plain);
        }
        Command::Key(command) => key::run(command, &commands, &backbone, as_json).await?,
        Command::Webhook(command) => webhook::run(&config, command, &commands, &backbone, &servers, as_json).await?,
        Command::List => list::run(&Queries::new(installation::read_rows(&servers).await?, backbone), as_json).await?,
    }
    Ok(())
}
