//! A link's settings as arguments: one shape and one table of ranges for making and for changing a link.

use command_service::{End, LinkChanges, NewLink};
use domain::link::{self, Range, Unit};
use domain::{Millis, Policy, Timestamp};
use forms::Form;
use problem::{Code, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use super::asking::{fields_in_short, form};
use super::budgets::{budget, budget_as_given};
use super::lengths::{millis, minutes};
use crate::args::Bound;

/// From how many characters on a passcode is not warned of.
const SAFE_PASSCODE: usize = 6;
/// The shortest passcode, in characters: shorter ones are guessed.
const SHORTEST_PASSCODE: u32 = 4;
/// The longest label of a recipient, in characters.
const LONGEST_LABEL: usize = 100;

/// Settings that a link is made with, or that are changed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(super) struct Settings {
    /// A memo for you and your team; people never see it.
    #[serde(default)]
    #[schemars(with = "String")]
    purpose: Option<String>,
    /// Shown before joining.
    #[serde(default)]
    #[schemars(with = "String")]
    description: Option<String>,
    /// First message of every session.
    #[serde(default)]
    #[schemars(with = "String")]
    welcome_message: Option<String>,
    /// Your name in the chat.
    #[serde(default)]
    #[schemars(with = "String")]
    agent_name: Option<String>,
    #[serde(default)]
    #[schemars(with = "f64")]
    pub(super) expires_in_minutes: Option<f64>,
    #[serde(default)]
    #[schemars(with = "i64")]
    max_sessions_at_once: Option<u32>,
    /// None: no limit. 1: for one person.
    #[serde(default)]
    #[schemars(with = "i64")]
    max_sessions_total: Option<u32>,
    /// Counts the chatter's messages only.
    #[serde(default)]
    #[schemars(with = "i64")]
    max_messages_per_session: Option<u32>,
    #[serde(default)]
    #[schemars(with = "f64")]
    idle_timeout_minutes: Option<f64>,
    #[serde(default)]
    #[schemars(with = "i64")]
    messages_per_minute: Option<u32>,
    /// Then every word is erased for good.
    #[serde(default)]
    #[schemars(with = "f64")]
    keep_minutes_after_end: Option<f64>,
    /// Give it to the person by another way than the url.
    #[serde(default)]
    #[schemars(with = "String")]
    passcode: Option<String>,
    /// Of the page, as in de or pt-BR.
    #[serde(default)]
    #[schemars(with = "String")]
    language: Option<String>,
    /// Websites that may embed the chat, as `https://example.com`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    allowed_origins: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(schema_with = "budget_as_given")]
    budget: Option<Value>,
    /// Asked from the start; more as fields of `temp_chat_ask`.
    #[serde(default)]
    #[schemars(schema_with = "fields_in_short")]
    questions: Option<Vec<Value>>,
}

/// The ranges in force, with the values of a new link that names none: those of decisions, but for what is narrower or only here.
pub(super) fn bounds(policy: &Policy) -> Vec<Bound> {
    let own = [
        Bound::new("max_sessions_total", 1, 1_000_000),
        Bound::new("passcode", SHORTEST_PASSCODE, 64),
        Bound::new("questions", 0, u32::from(policy.question_fields)),
        Bound::new("add_recipients", 1, u32::from(policy.recipients)),
        Bound::new("idempotency_key", 1, 200),
    ];
    // Of two ranges of one name the first holds.
    // A budget is no number: `budget` reads what is in it.
    let of_link = link::ranges(policy).into_iter().filter(|range| range.setting != "budget");
    own.into_iter().chain([link::lifetime(policy)].into_iter().chain(of_link).map(bound)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "ranges are far below 2^52")]
fn bound(range: Range) -> Bound {
    let told = |value: i64| match range.unit {
        Unit::Number => value as f64,
        Unit::Length => minutes(Millis(value)),
    };
    let bound = Bound::new(range.setting, told(range.least), told(range.most));
    range.usual.map_or(bound, |usual| bound.usually(told(usual)))
}

/// The ranges for changing a link: empty texts and 0 remove what was there, and nothing has a usual value.
pub(super) fn bounds_of_changes(policy: &Policy) -> Vec<Bound> {
    let removable = ["max_sessions_total", "passcode"];
    let least = |bound: &Bound| if removable.contains(&bound.argument) { 0.0 } else { bound.least };
    let of_settings = bounds(policy).into_iter().map(|bound| Bound { least: least(&bound), usual: None, ..bound });
    // An end cannot be removed: an empty one is none.
    of_settings.chain([Bound::new("expires_at", 1, 64)]).collect()
}

impl Settings {
    /// Makes a new link of them; what is not named gets its usual value, and each recipient a place.
    pub(super) fn into_new(self, title: String, recipients: Option<Vec<String>>, policy: &Policy) -> Result<NewLink, Problem> {
        let changes = self.into_changes(None, None, None, policy)?;
        let end = End::In(Millis(link::lifetime(policy).usual.unwrap_or_default()));
        let mut usual = NewLink::usual(title, end, policy);
        usual.recipients = labels("recipients", recipients)?;
        if let Some(recipients) = &usual.recipients {
            usual.max_sessions_at_once = u32::try_from(recipients.len()).unwrap_or(u32::MAX).min(policy.sessions_at_once);
        }
        Ok(changes.replaced_in(usual))
    }

    /// Says what is wrong with a passcode that is taken all the same; it is not quoted.
    pub(super) fn warning_of_passcode(&self) -> Option<String> {
        let passcode = self.passcode.as_deref().filter(|passcode| !passcode.is_empty())?;
        let is_only_digits = passcode.chars().all(|character| character.is_ascii_digit());
        (passcode.chars().count() < SAFE_PASSCODE).then(|| {
            let kind = if is_only_digits { "digits" } else { "characters" };
            format!("The passcode has fewer than {SAFE_PASSCODE} {kind}: who holds the url can find it out with patience. A word or two more makes that hopeless.")
        })
    }

    /// Makes changes of them; an empty text or 0 removes a setting.
    pub(super) fn into_changes(
        self,
        title: Option<String>,
        expires_at: Option<Timestamp>,
        add_recipients: Option<Vec<String>>,
        policy: &Policy,
    ) -> Result<LinkChanges, Problem> {
        if self.passcode.as_ref().is_some_and(|passcode| (1..SHORTEST_PASSCODE as usize).contains(&passcode.chars().count())) {
            let told = format!("passcode must be empty, to remove it, or have at least {SHORTEST_PASSCODE} characters.");
            return Err(Problem::with_detail(Code::SettingOutOfRange, told));
        }
        Ok(LinkChanges {
            title,
            purpose: self.purpose.map(Some),
            description: self.description.map(Some),
            welcome_message: self.welcome_message.map(Some),
            agent_name: self.agent_name.map(Some),
            passcode: self.passcode.map(Some),
            expires_at: expires_at.map(End::At).or(self.expires_in_minutes.map(|length| End::In(millis(length)))),
            max_sessions_at_once: self.max_sessions_at_once,
            max_sessions_total: self.max_sessions_total.map(|total| Some(total).filter(|total| *total > 0)),
            max_messages_per_session: self.max_messages_per_session,
            messages_per_minute: self.messages_per_minute,
            idle_timeout: self.idle_timeout_minutes.map(millis),
            keep_after_end: self.keep_minutes_after_end.map(millis),
            language: match self.language {
                Some(tag) if tag.is_empty() => Some(None),
                Some(tag) => Some(Some(language(tag)?)),
                None => None,
            },
            allowed_origins: self.allowed_origins.map(|given| origins(given, policy)).transpose()?,
            budget: self.budget.map(|given| budget(&given)).transpose()?,
            questions: match self.questions.map(questions) {
                Some(Some(form)) => Some(Some(form?)),
                Some(None) => Some(None),
                None => None,
            },
            more_recipients: labels("add_recipients", add_recipients)?,
        })
    }
}

/// Reads the moment (RFC 3339) at which a link is to end.
pub(super) fn end(text: &str, policy: &Policy) -> Result<Timestamp, Problem> {
    let at = moment("expires_at", text)?;
    let (least, most) = (policy.shortest_lifetime, policy.longest_lifetime);
    if (least..=most).contains(&(at - command_service::clock::now())) {
        return Ok(at);
    }
    let range = format!("{} to {} minutes from now", minutes(least), minutes(most));
    Err(Problem::with_detail(Code::SettingOutOfRange, format!("expires_at must be {range}, not {text}."))
        .next("Call temp_chat_update_link again with a moment in that range, or with expires_in_minutes."))
}

fn moment(argument: &str, text: &str) -> Result<Timestamp, Problem> {
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        let given: String = text.chars().take(60).collect();
        wrong(format!("{argument} must be a moment like 2026-01-31T12:00:00Z, not {given:?}."))
    })?;
    let millis = at.unix_timestamp_nanos() / 1_000_000;
    Ok(Timestamp(i64::try_from(millis).unwrap_or(i64::MAX)))
}

/// Makes a form of the fields that everyone is asked; of none, nothing.
fn questions(fields: Vec<Value>) -> Option<Result<Form, Problem>> {
    (!fields.is_empty()).then(|| form("questions", None, fields))
}

/// Checks the labels of recipients, if there are any: each has one of its own.
fn labels(argument: &str, given: Option<Vec<String>>) -> Result<Option<Vec<String>>, Problem> {
    let given = given.unwrap_or_default();
    let mut labels = Vec::with_capacity(given.len());
    for label in given.iter().map(|label| text::trim(label)) {
        if label.is_empty() || label.chars().count() > LONGEST_LABEL {
            let label: String = label.chars().take(60).collect();
            return Err(wrong(format!("{argument} must have 1 to {LONGEST_LABEL} characters each, not {label:?}.")));
        }
        if labels.iter().any(|before| before == label) {
            return Err(wrong(format!("{argument} must differ; {label:?} stands twice.")));
        }
        labels.push(label.to_owned());
    }
    Ok(Some(labels).filter(|labels| !labels.is_empty()))
}

/// Checks the form of a language tag (RFC 5646).
fn language(tag: String) -> Result<String, Problem> {
    let mut parts = tag.split('-');
    let is_primary =
        parts.next().is_some_and(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic()));
    if is_primary && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Ok(tag);
    }
    Err(wrong(format!("language must be a tag like de or pt-BR, not {tag:?}.")))
}

/// Checks origins (RFC 6454) and writes each as browsers do: https, or http on this machine for trying out.
fn origins(given: Vec<String>, policy: &Policy) -> Result<Vec<String>, Problem> {
    given
        .into_iter()
        .map(|text| {
            let url = Url::parse(&text).ok().filter(is_origin);
            match url.map(|url| url.origin().ascii_serialization()) {
                Some(origin) if origin.len() <= policy.origin_bytes => Ok(origin),
                Some(_) | None => {
                    let text: String = text.chars().take(60).collect();
                    Err(wrong(format!("allowed_origins must be origins like https://example.com, not {text:?}.")))
                }
            }
        })
        .collect()
}

fn is_origin(url: &Url) -> bool {
    // A pattern, or what would end the page's policy, is a name to URLs and no site to browsers.
    let is_site = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !url.has_host() || !url.domain().is_none_or(is_site) {
        return false;
    }
    let is_local = hosts::is_loopback(url);
    let is_allowed = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    is_allowed && is_bare && url.username().is_empty() && url.password().is_none()
}

fn wrong(happened: String) -> Problem {
    Problem::with_detail(Code::InvalidRequest, happened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_names_nothing_gets_the_usual_settings() {
        let link = Settings::default().into_new("x".to_owned(), None, &Policy::default()).unwrap();
        assert_eq!(
            (link.expires_at, link.idle_timeout, link.keep_after_end),
            (End::In(Millis::minutes(60)), Millis::minutes(30), Millis::minutes(1_440))
        );
        assert_eq!((link.max_sessions_at_once, link.max_messages_per_session, link.messages_per_minute), (1, 100, 10));
        assert_eq!(link.max_sessions_total, None);
    }

    #[test]
    fn every_recipient_has_a_place_and_a_label() {
        let link_for = |labels: &[&str], settings: Settings| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            settings.into_new("x".to_owned(), Some(labels), &Policy::default())
        };
        let link = link_for(&["Ann", " Bo "], Settings::default()).unwrap();
        assert_eq!((link.max_sessions_at_once, link.recipients), (2, Some(vec!["Ann".to_owned(), "Bo".to_owned()])));
        let narrow = Settings { max_sessions_at_once: Some(1), ..Settings::default() };
        assert_eq!(link_for(&["Ann", "Bo"], narrow).unwrap().max_sessions_at_once, 1);
        for wrong in [&["Ann", "Ann "][..], &["Ann", " "], &[&"x".repeat(101)]] {
            assert!(link_for(wrong, Settings::default()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_operator_may_allow_less_than_a_minute() {
        let policy = Policy { shortest_lifetime: Millis::seconds(3), ..Policy::default() };
        let settings = Settings { expires_in_minutes: Some(0.05), ..Settings::default() };
        assert_eq!(settings.into_new("x".to_owned(), None, &policy).unwrap().expires_at, End::In(Millis::seconds(3)));
        let bound = bounds(&policy).into_iter().find(|bound| bound.argument == "expires_in_minutes").unwrap();
        assert!((bound.least - 0.05).abs() < 1e-9);
    }

    #[test]
    fn an_empty_change_removes_and_a_missing_one_leaves() {
        let settings = Settings {
            purpose: Some(String::new()),
            max_sessions_total: Some(0),
            passcode: Some(String::new()),
            language: Some(String::new()),
            ..Settings::default()
        };
        let changes = settings.into_changes(None, None, None, &Policy::default()).unwrap();
        // A text that is empty is none: sealing sees to it.
        let empty = Some(Some(String::new()));
        assert_eq!((changes.purpose, changes.max_sessions_total, changes.passcode), (empty.clone(), Some(None), empty));
        assert_eq!((changes.language, changes.description), (Some(None), None));
        let short = Settings { passcode: Some("abc".to_owned()), ..Settings::default() };
        let refused = short.into_changes(None, None, None, &Policy::default()).err();
        assert_eq!(refused.map(|problem| problem.code), Some(Code::SettingOutOfRange));
    }

    #[test]
    fn origins_are_written_as_browsers_do() {
        let given = ["https://Example.com/", "https://example.com:8443", "http://localhost:3000"].map(str::to_owned).to_vec();
        let expected = ["https://example.com", "https://example.com:8443", "http://localhost:3000"];
        assert_eq!(origins(given, &Policy::default()).unwrap(), expected);
        for wrong in [
            "example.com",
            "http://example.com",
            "https://example.com/chat",
            "https://u@example.com",
            "*",
            "https://*.example.com",
            "https://a.example;sandbox",
            "https://a.example,b.example",
            "https://'none'",
        ] {
            assert!(origins(vec![wrong.to_owned()], &Policy::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_language_tags_are_languages() {
        for tag in ["de", "pt-BR", "zh-Hant-TW"] {
            assert!(language(tag.to_owned()).is_ok(), "{tag}");
        }
        for tag in ["d", "de_DE", "de-", "deutsch lang", "'; DROP"] {
            assert!(language(tag.to_owned()).is_err(), "{tag}");
        }
    }

    #[test]
    fn a_moment_is_read_in_any_zone() {
        assert_eq!(moment("expires_at", "1970-01-01T01:00:00+01:00").unwrap(), Timestamp(0));
        assert!(moment("expires_at", "tomorrow").unwrap_err().detail.contains("\"tomorrow\""));
    }

    #[test]
    fn an_end_out_of_range_is_told_as_it_was_given() {
        let refused = end("1970-01-01T00:00:00Z", &Policy::default()).unwrap_err();
        assert_eq!(refused.detail, "expires_at must be 5 to 43200 minutes from now, not 1970-01-01T00:00:00Z.");
    }
}
