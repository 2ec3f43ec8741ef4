//! A link's settings, each listed once: what is stored, what may be changed, what a link gets that names none, and every range.

use serde::{Deserialize, Serialize};

use super::range::{Range, Unit};
use super::representation::{Convert, MoreRecipients, Recipients, Representation, Stored};
use super::{Rejection, Status};
use crate::{Budget, Millis, Policy, Sealed, Timestamp};

/// How long before its end a link says so.
const WARNING: Millis = Millis::minutes(10);
/// How long a link lasts that names no end.
const USUAL_LIFETIME: Millis = Millis::minutes(60);
/// Bytes of the longest language tag taken: RFC 5646, section 4.4.1.
const LANGUAGE_BYTES: i64 = 35;

/// Makes [`Settings`] and all that goes over every one of them. Attributes hold for the stored field: a setting that is new in the
/// log needs `#[serde(default, skip_serializing_if = …)]`.
macro_rules! settings {
    (
        policy: $policy:ident
        texts { $($(#[$about_text:meta])* $text:ident: $Text:ident,)* }
        values { $($(#[$about:meta])* $value:ident: $Value:ty = $usual:expr,)* }
    ) => {
        /// A link's settings. The names are a storage format.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(bound(
            serialize = "R::Text: Serialize, R::End: Serialize, R::Questions: Serialize, R::Recipients: Serialize",
            deserialize = "R::Text: Deserialize<'de>, R::End: Deserialize<'de>, R::Questions: Deserialize<'de>, R::Recipients: Deserialize<'de>"
        ))]
        pub struct Settings<R: Representation = Stored> {
            /// What the chat is about, shown before joining.
            pub title: R::Text,
            $($(#[$about_text])* pub $text: Option<R::Text>,)*
            /// The end, of the link and of its sessions.
            pub expires_at: R::End,
            $($(#[$about])* pub $value: $Value,)*
            /// What every session begins with.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub questions: Option<R::Questions>,
            /// Whom it is for: each has a token of one's own.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub recipients: Option<R::Recipients>,
        }

        /// Settings to change; `None` leaves a setting as it is, `Some(None)` removes it.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Changes<R: Representation = Stored> {
            /// See [`Settings::title`].
            pub title: Option<R::Text>,
            $(#[doc = concat!("See [`Settings::", stringify!($text), "`].")] pub $text: Option<Option<R::Text>>,)*
            /// See [`Settings::expires_at`].
            pub expires_at: Option<R::End>,
            $(#[doc = concat!("See [`Settings::", stringify!($value), "`].")] pub $value: Option<$Value>,)*
            /// See [`Settings::questions`].
            pub questions: Option<Option<R::Questions>>,
            /// Who is added to [`Settings::recipients`].
            pub more_recipients: Option<R::MoreRecipients>,
        }

        impl<R: Representation> Default for Changes<R> {
            fn default() -> Self {
                Self {
                    title: None,
                    $($text: None,)*
                    expires_at: None,
                    $($value: None,)*
                    questions: None,
                    more_recipients: None,
                }
            }
        }

        /// Names a setting that is a text; the names are authenticated with the sealed texts: a storage format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum TextSetting {
            /// See [`Settings::title`].
            Title,
            $(#[doc = concat!("See [`Settings::", stringify!($text), "`].")] $Text,)*
        }

        impl TextSetting {
            /// Every one of them.
            pub const ALL: &[Self] = &[Self::Title, $(Self::$Text,)*];

            /// Returns the setting's name.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Title => "title",
                    $(Self::$Text => stringify!($text),)*
                }
            }
        }

        impl<R: Representation> Settings<R> {
            /// Makes the settings of a link that names no others, within the limits of `policy`.
            pub fn usual(title: R::Text, expires_at: R::End, $policy: &Policy) -> Self {
                Self {
                    title,
                    $($text: None,)*
                    expires_at,
                    $($value: $usual,)*
                    questions: None,
                    recipients: None,
                }
            }

            /// Returns the texts that there are.
            pub fn texts(&self) -> impl Iterator<Item = &R::Text> {
                [Some(&self.title), $(self.$text.as_ref(),)*].into_iter().flatten()
            }

            /// Represents the settings otherwise.
            pub fn convert<To: Representation, C: Convert<R, To>>(self, by: &mut C) -> Result<Settings<To>, C::Error> {
                Ok(Settings {
                    title: by.text(TextSetting::Title, self.title)?,
                    $($text: match self.$text {
                        Some(text) => by.optional_text(TextSetting::$Text, text)?,
                        None => None,
                    },)*
                    expires_at: by.end(self.expires_at)?,
                    $($value: self.$value,)*
                    questions: match self.questions {
                        Some(questions) => by.questions(questions)?,
                        None => None,
                    },
                    recipients: match self.recipients {
                        Some(recipients) => by.recipients(recipients)?,
                        None => None,
                    },
                })
            }
        }

        impl<R: Representation> Changes<R> {
            /// Returns `settings` with these changes but for the recipients, who are only ever added.
            #[must_use]
            pub fn replaced_in(self, settings: Settings<R>) -> Settings<R> {
                Settings {
                    title: self.title.unwrap_or(settings.title),
                    $($text: self.$text.unwrap_or(settings.$text),)*
                    expires_at: self.expires_at.unwrap_or(settings.expires_at),
                    $($value: self.$value.unwrap_or(settings.$value),)*
                    questions: self.questions.unwrap_or(settings.questions),
                    recipients: settings.recipients,
                }
            }

            /// Represents the changes otherwise; who is added is represented by the caller.
            pub fn convert<To: Representation, C: Convert<R, To>>(
                self,
                by: &mut C,
                more_recipients: Option<To::MoreRecipients>,
            ) -> Result<Changes<To>, C::Error> {
                Ok(Changes {
                    title: self.title.map(|text| by.text(TextSetting::Title, text)).transpose()?,
                    $($text: match self.$text {
                        Some(Some(text)) => Some(by.optional_text(TextSetting::$Text, text)?),
                        Some(None) => Some(None),
                        None => None,
                    },)*
                    expires_at: self.expires_at.map(|end| by.end(end)).transpose()?,
                    $($value: self.$value,)*
                    questions: match self.questions {
                        Some(Some(questions)) => Some(by.questions(questions)?),
                        Some(None) => Some(None),
                        None => None,
                    },
                    more_recipients,
                })
            }
        }
    };
}

settings! {
    policy: policy
    texts {
        /// The agent's note to itself.
        purpose: Purpose,
        /// Shown before joining, where no passcode hides it.
        description: Description,
        /// The first message of every session.
        welcome_message: WelcomeMessage,
        /// The name under which the agent appears.
        agent_name: AgentName,
        /// The passcode; what is stored is its verifier.
        passcode: Passcode,
    }
    values {
        /// Sessions that may be open at once.
        max_sessions_at_once: u32 = policy.sessions_at_once.min(1),
        /// Sessions in all; `None` is without limit.
        max_sessions_total: Option<u32> = None,
        /// Messages of one chatter in one session.
        max_messages_per_session: u32 = policy.messages_per_session.min(100),
        /// Messages of one chatter within a minute.
        messages_per_minute: u32 = policy.messages_per_minute.min(10),
        /// How long a silent session keeps its place.
        idle_timeout: Millis = Millis::minutes(30).max(policy.shortest_idle).min(policy.longest_idle),
        /// How long words are kept after the end.
        keep_after_end: Millis = Millis::minutes(1_440).min(policy.longest_keep),
        /// The page's language (BCP 47), where the agent chose one.
        language: Option<String> = None,
        /// Origins that may show the link in a frame.
        allowed_origins: Vec<String> = Vec::new(),
        /// What may be spent.
        #[serde(default, skip_serializing_if = "Budget::is_empty")]
        budget: Budget = Budget::default(),
    }
}

impl Changes {
    /// Returns `settings` with these changes.
    #[must_use]
    pub fn applied_to(&self, settings: &Settings) -> Settings {
        let settings = self.clone().replaced_in(settings.clone());
        match &self.more_recipients {
            Some(MoreRecipients { before, added, labels }) => {
                let recipients = Recipients { labels: labels.clone(), count: before.saturating_add(*added) };
                Settings { recipients: Some(recipients), ..settings }
            }
            None => settings,
        }
    }
}

impl Settings {
    /// Counts the recipients.
    pub(super) fn recipient_count(&self) -> u8 {
        self.recipients.as_ref().map_or(0, |recipients| recipients.count)
    }

    /// Tells when the agent is to hear that the end is near; never where it was that near already when it was set, at `set_at`.
    pub fn warn_at(&self, set_at: Timestamp) -> Option<Timestamp> {
        Some(self.expires_at - WARNING).filter(|warn_at| *warn_at > set_at)
    }

    /// Tells when the words are to go of a link that stands so and saw nothing happen after `quiet_since`; none while it may be used.
    pub fn erase_at(&self, status: Status, ends_sessions: bool, admitted: bool, quiet_since: Timestamp) -> Option<Timestamp> {
        match status {
            // Idle sessions hold no place, and may come back until their time is up.
            Status::Revoked if !ends_sessions && admitted => Some(quiet_since.max(self.expires_at) + self.keep_after_end),
            Status::Expired | Status::Revoked => Some(quiet_since + self.keep_after_end),
            Status::Unknown | Status::Active | Status::Paused | Status::Erased => None,
        }
    }
}

/// Returns every setting's range but the end's; where one has two, the second is of each of its items.
pub fn ranges(policy: &Policy) -> Vec<Range> {
    let usual = Settings::usual(Sealed::blank(), Timestamp::default(), policy);
    let range = |setting, least, most, measure: fn(&Settings) -> i64| Range {
        setting,
        unit: Unit::Number,
        least,
        most,
        usual: None,
        measure,
    };
    let number = |setting, most: u32, measure: fn(&Settings) -> i64| Range {
        usual: Some(measure(&usual)),
        ..range(setting, 1, i64::from(most), measure)
    };
    let length = |setting, least: Millis, most: Millis, measure: fn(&Settings) -> i64| Range {
        usual: Some(measure(&usual)),
        unit: Unit::Length,
        ..range(setting, least.0, most.0, measure)
    };
    let text = i64::from(policy.text_characters);
    vec![
        range("title", 1, i64::from(policy.title_characters), |settings| i64::from(settings.title.characters)),
        range("purpose", 0, text, |settings| characters(settings.purpose.as_ref())),
        range("description", 0, text, |settings| characters(settings.description.as_ref())),
        range("welcome_message", 0, text, |settings| characters(settings.welcome_message.as_ref())),
        range("agent_name", 0, i64::from(policy.display_name_characters), |settings| characters(settings.agent_name.as_ref())),
        number("max_sessions_at_once", policy.sessions_at_once, |settings| i64::from(settings.max_sessions_at_once)),
        range("max_sessions_total", 1, i64::from(u32::MAX), |settings| settings.max_sessions_total.map_or(1, i64::from)),
        number("max_messages_per_session", policy.messages_per_session, |settings| i64::from(settings.max_messages_per_session)),
        number("messages_per_minute", policy.messages_per_minute, |settings| i64::from(settings.messages_per_minute)),
        range("allowed_origins", 0, count(policy.allowed_origins), |settings| count(settings.allowed_origins.len())),
        range("allowed_origins", 0, count(policy.origin_bytes), |settings| {
            count(settings.allowed_origins.iter().map(String::len).max().unwrap_or(0))
        }),
        range("language", 0, LANGUAGE_BYTES, |settings| count(settings.language.as_ref().map_or(0, String::len))),
        range("budget", 1, i64::from(u32::MAX), |settings| settings.budget.limits().min().map_or(1, i64::from)),
        range("questions", 1, i64::from(policy.question_fields), |settings| {
            settings.questions.as_ref().map_or(1, |questions| i64::from(questions.fields))
        }),
        range("recipients", 1, i64::from(policy.recipients), |settings| {
            settings.recipients.as_ref().map_or(1, |recipients| i64::from(recipients.count))
        }),
        length("idle_timeout_minutes", policy.shortest_idle, policy.longest_idle, |settings| settings.idle_timeout.0),
        length("keep_minutes_after_end", Millis(0), policy.longest_keep, |settings| settings.keep_after_end.0),
    ]
}

/// Returns the range of a link's lifetime.
pub fn lifetime(policy: &Policy) -> Range {
    let (least, most) = (policy.shortest_lifetime, policy.longest_lifetime);
    Range {
        setting: "expires_in_minutes",
        unit: Unit::Length,
        least: least.0,
        most: most.0,
        usual: Some(USUAL_LIFETIME.max(least).min(most).0),
        measure: |settings| settings.expires_at.0,
    }
}

/// Holds where every setting but the end is within its range.
pub(super) fn within(settings: &Settings, policy: &Policy) -> Result<(), Rejection> {
    ranges(policy).iter().try_for_each(|range| range.holds((range.measure)(settings)))
}

fn characters(text: Option<&Sealed>) -> i64 {
    text.map_or(0, |text| i64::from(text.characters))
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
