//! What a link shows: to whoever holds its address, and in its sessions' headers.

use app::App;
use domain::link::{Link, Status};
use domain::{Address, AgentId, LinkId, Sealed, Timestamp};
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

impl LinkState {
    /// Tells how a link stands at `now`, whatever its timers have done.
    pub(super) fn of(link: &Link, recipient: Option<u8>, now: Timestamp) -> Self {
        let Some(settings) = &link.settings else { return Self::Expired };
        match link.status {
            Status::Unknown | Status::Expired | Status::Erased => Self::Expired,
            Status::Revoked => Self::Revoked,
            Status::Active | Status::Paused if now >= settings.expires_at => Self::Expired,
            Status::Paused => Self::Paused,
            Status::Active if recipient.is_some_and(|recipient| link.came.contains_key(&recipient)) => Self::UsedUp,
            Status::Active if settings.max_sessions_total.is_some_and(|most| link.admitted >= most) => Self::UsedUp,
            Status::Active if link.admissions.len() >= settings.max_sessions_at_once as usize => Self::Full,
            Status::Active => Self::Open,
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
        let agent_name = match open(&vault, Field::AgentName, settings.agent_name.as_ref())? {
            Some(name) => name,
            None => app.commands().agent_name(agent).await?,
        };
        Ok(Self {
            title: open(&vault, Field::Title, Some(&settings.title))?.unwrap_or_default(),
            agent_name,
            description: open(&vault, Field::Description, settings.description.as_ref())?,
            welcome_message: open(&vault, Field::WelcomeMessage, settings.welcome_message.as_ref())?,
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

#[cfg(test)]
mod tests {
    use domain::link::{Admission, Settings};
    use domain::{Fingerprint, Millis, SessionId};

    use super::*;

    fn link(change: impl FnOnce(&mut Link, &mut Settings)) -> Link {
        let title = Sealed { bytes: vec![].into(), characters: 1, fingerprint: Fingerprint::new([0; 16]) };
        let mut settings = Settings {
            title,
            purpose: None,
            description: None,
            welcome_message: None,
            agent_name: None,
            passcode: None,
            expires_at: Timestamp(100),
            max_sessions_at_once: 1,
            max_sessions_total: None,
            max_messages_per_session: 10,
            messages_per_minute: 10,
            idle_timeout: Millis(10),
            keep_after_end: Millis(10),
            language: None,
            allowed_origins: vec![],
            questions: None,
            recipients: None,
        };
        let mut link = Link { status: Status::Active, ..Link::default() };
        change(&mut link, &mut settings);
        Link { settings: Some(settings), ..link }
    }

    #[test]
    fn a_link_says_how_it_stands_by_the_clock() {
        let open = link(|_, _| {});
        assert_eq!(LinkState::of(&open, None, Timestamp(99)), LinkState::Open);
        assert_eq!(LinkState::of(&open, None, Timestamp(100)), LinkState::Expired);
        let taken = link(|link, _| {
            link.admissions.insert(SessionId::new([1; 16]), Admission { start_before: Timestamp(1), returning: false });
        });
        assert_eq!(LinkState::of(&taken, None, Timestamp(1)), LinkState::Full);
        let used = link(|link, settings| (link.admitted, settings.max_sessions_total) = (2, Some(2)));
        assert_eq!(LinkState::of(&used, None, Timestamp(1)), LinkState::UsedUp);
        let came = link(|link, _| link.came = [(3, SessionId::new([1; 16]))].into_iter().collect());
        assert_eq!(LinkState::of(&came, Some(3), Timestamp(1)), LinkState::UsedUp);
        assert_eq!(LinkState::of(&came, Some(2), Timestamp(1)), LinkState::Open);
        assert_eq!(LinkState::of(&link(|link, _| link.status = Status::Paused), None, Timestamp(1)), LinkState::Paused);
        assert_eq!(LinkState::of(&link(|link, _| link.status = Status::Revoked), None, Timestamp(1)), LinkState::Revoked);
        assert_eq!(LinkState::of(&Link { status: Status::Erased, ..Link::default() }, None, Timestamp(1)), LinkState::Expired);
    }
}
