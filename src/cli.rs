//! The command line, in words worth reading.

#![expect(clippy::doc_markdown, reason = "`--help` shows these lines as they stand")]

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

use crate::clients::Client;

/// Temporary chats between an AI agent and a person without an account.
///
/// Everything is an event on NATS JetStream; PostgreSQL holds what is read from it. `tempchat up` starts it all.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    /// Print results as JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The data folder: servers, keys, logs
    #[arg(long, global = true, value_name = "DIR", env = "TEMPCHAT_DATA", default_value = ".tempchat")]
    pub(crate) data: PathBuf,

    /// A TOML file with settings; else DIR/tempchat.toml where it exists
    #[arg(long, global = true, value_name = "FILE", env = "TEMPCHAT_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything: nats-server, PostgreSQL, and all parts of Tempchat in one process
    ///
    /// Servers of your own are used where NATS_URL or DATABASE_URL names them. Ctrl-C stops all of it; nothing acknowledged is lost.
    Up(Up),
    /// Start single roles against servers that run already (NATS_URL, DATABASE_URL)
    Serve(Serve),
    /// Register agents, issue and revoke their keys, set their webhooks
    #[command(subcommand)]
    Agent(Agent),
    /// Print what a client's configuration needs to reach a running installation
    McpConfig(McpConfig),
    /// Bridge a host that speaks MCP over standard input and output only
    Stdio(Target),
    /// Make the read models anew from the log; nothing outside PostgreSQL changes
    Rebuild {
        /// Which; without it all of them
        #[arg(value_enum)]
        name: Option<ReadModel>,
    },
    /// The analyst's door: read and verify the event log
    #[command(subcommand)]
    Log(Log),
}

/// What can be made anew by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReadModel {
    /// Every table: they share a checkpoint and a transaction, so that no two of them ever tell of different moments
    Rows,
}

/// Options of `tempchat up`.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Start without the demo link and the agent that answers on it
    #[arg(long)]
    pub(crate) no_demo: bool,
}

/// Where to be reached.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are the names of the options")]
pub(crate) struct Listen {
    /// Address for pages, API and MCP [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,

    /// The address that people and agents use, as a proxy in front may have it [default: http://ADDR]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<Url>,

    /// Address for /metrics, never to be public [default: none]
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// Options of `tempchat serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Which roles; several may share a process
    #[arg(value_enum, required = true)]
    pub(crate) roles: Vec<Role>,

    #[command(flatten)]
    pub(crate) listen: Listen,
}

/// A part that can run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Pages, public API, MCP
    Gateway,
    /// Log to PostgreSQL
    Projector,
    /// Sends what falls due: expiries, idle sessions, erasures
    Worker,
    /// Tells agents' webhooks what happens
    Webhooks,
}

/// Options of `tempchat mcp-config`.
#[derive(Debug, Args)]
pub(crate) struct McpConfig {
    /// For which client
    #[arg(value_enum)]
    pub(crate) client: Client,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Which installation, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The address of the installation [default: that of the one on the data folder]
    #[arg(long, value_name = "URL", env = "TEMPCHAT_URL")]
    pub(crate) url: Option<Url>,

    /// The agent key; better in the environment, where others cannot see it [default: that in the data folder]
    #[arg(long, value_name = "KEY", env = "TEMPCHAT_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}

/// What to do with agents.
#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Register an agent and show its first key, this once
    Add {
        /// The agent's name, shown to chatters where a link names no other
        name: String,
    },
    /// List agents and their keys
    List,
    /// Issue, rotate or revoke API keys
    #[command(subcommand)]
    Key(Key),
    /// Have an agent woken: set, test, list webhooks, deliver again
    ///
    /// A webhook is called for what temp_chat_wait_for_messages would return, but for what the agent did itself: a POST, signed as
    /// Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature). Any 2xx takes it. Anything else is tried again, ever
    /// less often, for 24 hours, with the same webhook-id; then it is a dead letter. Calls may come twice and out of order. They lead to
    /// public addresses, over https, or to networks that the setting webhook_networks names.
    #[command(subcommand)]
    Webhook(Webhook),
}

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Set, change or remove the webhook of an agent, or of one link, and show the secret that signs its calls
    ///
    /// A link's own webhook stands in for its agent's. What waits for an earlier address goes to the new one. Without URL the address
    /// stays; with URL and without --with-text no words are sent.
    Set(SetWebhook),
    /// Send a signed test event now, and show what came back and how long it took
    Test(OfWebhook),
    /// List webhooks: how many deliveries wait, since when one fails, and its newest dead letters
    List {
        /// One agent's only (agt_…)
        agent: Option<domain::AgentId>,
    },
    /// Deliver dead letters again, for another 24 hours
    Redeliver {
        #[command(flatten)]
        of: OfWebhook,
        /// One event only (evt_…)
        #[arg(long, value_name = "EVENT")]
        event: Option<String>,
    },
}

/// Whose webhook.
#[derive(Debug, Args)]
pub(crate) struct OfWebhook {
    /// The agent's id (agt_…)
    pub(crate) agent: domain::AgentId,
    /// One link's own (lnk_…)
    #[arg(long)]
    pub(crate) link: Option<domain::LinkId>,
}

/// Options of `tempchat agent webhook set`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct SetWebhook {
    #[command(flatten)]
    pub(crate) of: OfWebhook,
    /// The address to call
    #[arg(required_unless_present_any = ["off", "show_secret", "rotate", "with_text"])]
    pub(crate) url: Option<String>,
    /// Send words too: by default a call has ids and types only, and the agent asks for the words with its key
    #[arg(long)]
    pub(crate) with_text: bool,
    /// Sign with a new secret from now on, and for 24 hours with the one before too
    #[arg(long)]
    pub(crate) rotate: bool,
    /// Remove the webhook, and all that waits for it
    #[arg(long, conflicts_with_all = ["url", "with_text", "rotate", "show_secret"])]
    pub(crate) off: bool,
    /// Show the secret of the webhook as it is
    #[arg(long, conflicts_with_all = ["url", "with_text", "rotate"])]
    pub(crate) show_secret: bool,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
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
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
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
