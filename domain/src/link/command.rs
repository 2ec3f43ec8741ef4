//! What one may ask of a link.

use super::{Questions, Recipients, Settings};
use crate::agent::Webhook;
use crate::{Millis, Sealed, SessionId, Timestamp};

/// A command to a link.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the link.
    Open(Box<Settings>),
    /// Changes settings; what is not named stays as it is.
    Update(Box<Changes>),
    /// Takes no newcomers for now.
    Pause,
    /// Takes newcomers again.
    Resume,
    /// Makes a new token; the old one opens nothing any more.
    RotateToken,
    /// Closes the link to newcomers for good.
    Revoke {
        /// Whether the open sessions are to end too.
        end_sessions: bool,
        /// What the open sessions are told.
        farewell: Option<Sealed>,
    },
    /// Notes that the time is nearly up.
    Warn,
    /// Notes that the time is up.
    Expire,
    /// Reserves a place for a session that is about to start, or to come back from idling.
    Admit {
        /// The session.
        session: SessionId,
        /// Whether it comes back; it was counted when it first came.
        returning: bool,
        /// Until when it may start or resume.
        start_before: Timestamp,
        /// What was found of the passcode.
        passcode: Passcode,
        /// Which recipient's token it came with.
        recipient: Option<u8>,
    },
    /// Gives a place back.
    Release {
        /// The session.
        session: SessionId,
        /// Why it is given back.
        reason: Release,
    },
    /// Notes that the link's words are gone: their key was destroyed before.
    Erase,
    /// Says where the agent is told of what happens on this link, or that it is told where it is told of everything.
    SetWebhook {
        /// The webhook.
        webhook: Option<Webhook>,
    },
}

/// What was found of the passcode, by someone who can read the sealed verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passcode {
    /// None was given.
    Missing,
    /// It is another.
    Wrong,
    /// It is the right one.
    Right,
}

/// Why a place is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The session ended.
    Left,
    /// The session fell idle; it keeps a place that it has reserved to come back to.
    Idle,
    /// The session never started, and now cannot any more.
    Unused,
}

/// Settings to change; `None` leaves a setting as it is, `Some(None)` removes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// See [`Settings::title`].
    pub title: Option<Sealed>,
    /// See [`Settings::purpose`].
    pub purpose: Option<Option<Sealed>>,
    /// See [`Settings::description`].
    pub description: Option<Option<Sealed>>,
    /// See [`Settings::welcome_message`].
    pub welcome_message: Option<Option<Sealed>>,
    /// See [`Settings::agent_name`].
    pub agent_name: Option<Option<Sealed>>,
    /// See [`Settings::passcode`].
    pub passcode: Option<Option<Sealed>>,
    /// See [`Settings::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// See [`Settings::max_sessions_at_once`].
    pub max_sessions_at_once: Option<u32>,
    /// See [`Settings::max_sessions_total`].
    pub max_sessions_total: Option<Option<u32>>,
    /// See [`Settings::max_messages_per_session`].
    pub max_messages_per_session: Option<u32>,
    /// See [`Settings::messages_per_minute`].
    pub messages_per_minute: Option<u32>,
    /// See [`Settings::idle_timeout`].
    pub idle_timeout: Option<Millis>,
    /// See [`Settings::keep_after_end`].
    pub keep_after_end: Option<Millis>,
    /// See [`Settings::language`].
    pub language: Option<Option<String>>,
    /// See [`Settings::allowed_origins`].
    pub allowed_origins: Option<Vec<String>>,
    /// See [`Settings::questions`].
    pub questions: Option<Option<Questions>>,
    /// Who is added to [`Settings::recipients`].
    pub more_recipients: Option<MoreRecipients>,
}

/// Recipients to add: a token names its recipient by number, so those before stay where they are.
#[derive(Debug, Clone, PartialEq)]
pub struct MoreRecipients {
    /// How many there were when the labels were put together; by another number now they would be others' labels.
    pub before: u8,
    /// How many are new.
    pub added: u8,
    /// The labels of all, those from before first, as one sealed document.
    pub labels: Sealed,
}

impl Changes {
    /// Returns `settings` with these changes.
    #[must_use]
    pub fn applied_to(&self, settings: &Settings) -> Settings {
        let Self { title, purpose, description, welcome_message, agent_name, passcode, expires_at, .. } = self;
        Settings {
            title: title.as_ref().unwrap_or(&settings.title).clone(),
            purpose: purpose.as_ref().unwrap_or(&settings.purpose).clone(),
            description: description.as_ref().unwrap_or(&settings.description).clone(),
            welcome_message: welcome_message.as_ref().unwrap_or(&settings.welcome_message).clone(),
            agent_name: agent_name.as_ref().unwrap_or(&settings.agent_name).clone(),
            passcode: passcode.as_ref().unwrap_or(&settings.passcode).clone(),
            expires_at: expires_at.unwrap_or(settings.expires_at),
            max_sessions_at_once: self.max_sessions_at_once.unwrap_or(settings.max_sessions_at_once),
            max_sessions_total: self.max_sessions_total.unwrap_or(settings.max_sessions_total),
            max_messages_per_session: self.max_messages_per_session.unwrap_or(settings.max_messages_per_session),
            messages_per_minute: self.messages_per_minute.unwrap_or(settings.messages_per_minute),
            idle_timeout: self.idle_timeout.unwrap_or(settings.idle_timeout),
            keep_after_end: self.keep_after_end.unwrap_or(settings.keep_after_end),
            language: self.language.as_ref().unwrap_or(&settings.language).clone(),
            allowed_origins: self.allowed_origins.as_ref().unwrap_or(&settings.allowed_origins).clone(),
            questions: self.questions.as_ref().unwrap_or(&settings.questions).clone(),
            recipients: match &self.more_recipients {
                Some(MoreRecipients { before, added, labels }) => {
                    Some(Recipients { labels: labels.clone(), count: before.saturating_add(*added) })
                }
                None => settings.recipients.clone(),
            },
        }
    }
}
