//! What a link allows.

use super::{Changes, Command, Event, Link, Passcode, Rejection, Release, Settings, Status};
use crate::{Millis, Policy, SessionId, Timestamp};

impl Link {
    pub(super) fn decide(&self, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        match (self.status, &self.settings) {
            (Status::Unknown, _) | (Status::Active | Status::Paused | Status::Expired | Status::Revoked, None) => match command {
                Command::Open(settings) => {
                    within(settings, now, policy)?;
                    Ok(vec![Event::Opened { settings: settings.clone() }])
                }
                Command::Update(_)
                | Command::Pause
                | Command::Resume
                | Command::RotateToken
                | Command::Revoke { .. }
                | Command::Expire
                | Command::Admit { .. }
                | Command::Release { .. }
                | Command::Erase => Err(Rejection::Unknown),
            },
            (Status::Erased, _) => match command {
                Command::Open(_) => Err(Rejection::AlreadyOpen),
                Command::Erase | Command::Expire | Command::Release { .. } => Ok(vec![]),
                Command::Update(_)
                | Command::Pause
                | Command::Resume
                | Command::RotateToken
                | Command::Revoke { .. }
                | Command::Admit { .. } => Err(Rejection::Erased),
            },
            (Status::Active | Status::Paused | Status::Expired | Status::Revoked, Some(settings)) => {
                self.decide_known(settings, command, now, policy)
            }
        }
    }

    fn decide_known(&self, settings: &Settings, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Open(_) => Err(Rejection::AlreadyOpen),
            Command::Update(changes) => self.update(settings, changes, now, policy),
            Command::Pause => self.open(settings, now).map(|()| if self.status == Status::Paused { vec![] } else { vec![Event::Paused] }),
            Command::Resume => self.open(settings, now).map(|()| if self.status == Status::Active { vec![] } else { vec![Event::Resumed] }),
            Command::RotateToken => self.open(settings, now).map(|()| vec![Event::TokenRotated { rotation: self.rotation + 1 }]),
            Command::Revoke { end_sessions, farewell } => match self.status {
                Status::Revoked | Status::Expired => Ok(vec![]),
                Status::Unknown | Status::Active | Status::Paused | Status::Erased => {
                    Ok(vec![Event::Revoked { end_sessions: *end_sessions, farewell: farewell.clone() }])
                }
            },
            Command::Expire => match self.status {
                Status::Expired | Status::Revoked => Ok(vec![]),
                Status::Unknown | Status::Active | Status::Paused | Status::Erased if now < settings.expires_at => {
                    Err(Rejection::NotDue { until: settings.expires_at })
                }
                Status::Unknown | Status::Active | Status::Paused | Status::Erased => Ok(vec![Event::Expired]),
            },
            Command::Admit { session, returning, start_before, passcode } => {
                if self.admissions.contains_key(session) {
                    return Ok(vec![]);
                }
                self.admit(settings, *returning, *passcode, now, policy)?;
                Ok(vec![Event::Admitted { session: *session, returning: *returning, start_before: *start_before }])
            }
            Command::Release { session, reason } => self.release(*session, *reason, now),
            Command::Erase => self.erase(now),
        }
    }

    /// Holds while the link may still be used and changed.
    fn open(&self, settings: &Settings, now: Timestamp) -> Result<(), Rejection> {
        match self.status {
            Status::Unknown => Err(Rejection::Unknown),
            Status::Erased => Err(Rejection::Erased),
            Status::Revoked => Err(Rejection::Revoked),
            Status::Expired => Err(Rejection::Expired),
            // A dead timer keeps nothing open.
            Status::Active | Status::Paused if now >= settings.expires_at => Err(Rejection::Expired),
            Status::Active | Status::Paused => Ok(()),
        }
    }

    fn update(&self, settings: &Settings, changes: &Changes, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        self.open(settings, now)?;
        let changed = changes.applied_to(settings);
        if changed == *settings {
            return Ok(vec![]);
        }
        within(&changed, if changes.expires_at.is_some() { now } else { Timestamp(i64::MIN) }, policy)?;
        Ok(vec![Event::Updated { settings: Box::new(changed) }])
    }

    fn admit(&self, settings: &Settings, returning: bool, passcode: Passcode, now: Timestamp, policy: &Policy) -> Result<(), Rejection> {
        match (self.open(settings, now), returning) {
            // Who was in comes back as long as the session lasts, even to a link that is closed to newcomers.
            (Err(Rejection::Revoked), true) => {}
            (closed, _) => closed?,
        }
        if !returning {
            if self.status == Status::Paused {
                return Err(Rejection::Paused);
            }
            match passcode {
                Passcode::Wrong => return Err(Rejection::PasscodeWrong),
                Passcode::Missing if settings.passcode.is_some() => return Err(Rejection::PasscodeRequired),
                Passcode::Missing | Passcode::Right => {}
            }
            if let Some(limit) = settings.max_sessions_total.filter(|limit| self.admitted >= *limit) {
                return Err(Rejection::UsedUp { limit });
            }
        }
        if self.admissions.len() >= settings.max_sessions_at_once as usize {
            return Err(Rejection::Full { limit: settings.max_sessions_at_once });
        }
        let mut recent = self.recent.iter().filter(|start| **start + Millis::MINUTE > now);
        if recent.clone().count() >= policy.starts_per_minute {
            let oldest = recent.next().map_or(now, |start| *start);
            return Err(Rejection::TooManyStarts { retry_at: oldest + Millis::MINUTE });
        }
        Ok(())
    }

    fn release(&self, session: SessionId, reason: Release, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        match (self.admissions.get(&session), reason) {
            (None, _) => Ok(vec![]),
            (Some(admission), Release::Unused) if now < admission.start_before => Err(Rejection::NotDue { until: admission.start_before }),
            (Some(_), Release::Left | Release::Unused) => Ok(vec![Event::Released { session }]),
        }
    }

    fn erase(&self, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        match self.erase_at() {
            None => Err(Rejection::InUse),
            Some(_) if !self.admissions.is_empty() => Err(Rejection::InUse),
            Some(until) if now < until => Err(Rejection::NotDue { until }),
            Some(_) => Ok(vec![Event::Erased]),
        }
    }
}

/// Holds where every setting is within its range; the lifetime counts from `now`.
fn within(settings: &Settings, now: Timestamp, policy: &Policy) -> Result<(), Rejection> {
    let minutes = |length: Millis| length.0 / 60_000;
    if now != Timestamp(i64::MIN) {
        let lifetime = settings.expires_at - now;
        if lifetime < policy.shortest_lifetime || lifetime > policy.longest_lifetime {
            return Err(Rejection::OutOfRange {
                setting: "expires_in_minutes",
                given: minutes(lifetime),
                least: minutes(policy.shortest_lifetime),
                most: minutes(policy.longest_lifetime),
            });
        }
    }
    let text = |text: &Option<_>| text.as_ref().map_or(0, |sealed: &crate::Sealed| i64::from(sealed.characters));
    let total = settings.max_sessions_total.map_or(1, i64::from);
    let longest_origin = settings.allowed_origins.iter().map(String::len).max().unwrap_or(0);
    let language = settings.language.as_ref().map_or(0, String::len);
    let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let ranges = [
        ("title", i64::from(settings.title.characters), 1, i64::from(policy.title_characters)),
        ("purpose", text(&settings.purpose), 0, i64::from(policy.text_characters)),
        ("description", text(&settings.description), 0, i64::from(policy.text_characters)),
        ("welcome_message", text(&settings.welcome_message), 0, i64::from(policy.text_characters)),
        ("agent_name", text(&settings.agent_name), 0, i64::from(policy.display_name_characters)),
        ("max_sessions_at_once", i64::from(settings.max_sessions_at_once), 1, i64::from(policy.sessions_at_once)),
        ("max_sessions_total", total, 1, i64::from(u32::MAX)),
        ("max_messages_per_session", i64::from(settings.max_messages_per_session), 1, i64::from(policy.messages_per_session)),
        ("messages_per_minute", i64::from(settings.messages_per_minute), 1, i64::from(policy.messages_per_minute)),
        ("idle_timeout_minutes", minutes(settings.idle_timeout), minutes(policy.shortest_idle), minutes(policy.longest_idle)),
        ("keep_minutes_after_end", minutes(settings.keep_after_end), 0, minutes(policy.longest_keep)),
        ("allowed_origins", length(settings.allowed_origins.len()), 0, length(policy.allowed_origins)),
        ("allowed_origins", length(longest_origin), 0, length(policy.origin_bytes)),
        ("language", length(language), 0, 35),
    ];
    match ranges.into_iter().find(|(_, given, least, most)| given < least || given > most) {
        Some((setting, given, least, most)) => Err(Rejection::OutOfRange { setting, given, least, most }),
        None => Ok(()),
    }
}
