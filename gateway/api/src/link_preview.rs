//! What a link shows: to whoever holds its address, and in its sessions' headers.

use app::App;
use domain::link::{Entry, Link, TextSetting};
use domain::{Address, AgentId, LinkId, Sealed};
use nats::{Field, Text, Vault};
use problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// How a link stands, for those who want in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkState {
    /// Come in.
    Open,
    /// Every place is taken for now.
    Full,
    /// It has had all its sessions.
    UsedUp,
    /// It takes nobody new for now.
    Paused,
    /// Its time is up.
    Expired,
    /// The agent took it back.
    Revoked,
}

impl From<Entry> for LinkState {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Open => Self::Open,
            Entry::Full => Self::Full,
            Entry::UsedUp => Self::UsedUp,
            Entry::Paused => Self::Paused,
            Entry::Expired => Self::Expired,
            Entry::Revoked => Self::Revoked,
        }
    }
}

/// A link's words, opened; empty once they are erased.
#[derive(Clone, Default)]
pub(super) struct LinkPreview {
    pub(super) title: String,
    pub(super) agent_name: String,
    pub(super) description: Option<String>,
    pub(super) welcome_message: Option<String>,
}

impl LinkPreview {
    /// Opens the words of a link.
    pub(super) async fn of(app: &App, agent: AgentId, id: LinkId, link: &Link) -> Result<Self, Problem> {
        let Some(settings) = &link.settings else { return Ok(Self::default()) };
        let vault = app.backbone().opener().vault(Address::link(agent, id)).await?;
        let open = |which, sealed: Option<&Sealed>| open(&vault, Field::Setting(which), sealed);
        let agent_name = match open(TextSetting::AgentName, settings.agent_name.as_ref())? {
            Some(name) => name,
            None => app.commands().agent_name(agent).await?,
        };
        Ok(Self {
            title: open(TextSetting::Title, Some(&settings.title))?.unwrap_or_default(),
            agent_name,
            description: open(TextSetting::Description, settings.description.as_ref())?,
            welcome_message: open(TextSetting::WelcomeMessage, settings.welcome_message.as_ref())?,
        })
    }
}

fn open(vault: &Vault, field: Field, sealed: Option<&Sealed>) -> Result<Option<String>, Problem> {
    let Some(sealed) = sealed else { return Ok(None) };
    Ok(match vault.open(field, 0, &sealed.bytes)? {
        Text::Open(text) => Some(text),
        Text::Erased => None,
    })
}
