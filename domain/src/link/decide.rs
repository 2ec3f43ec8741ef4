//! What a link allows.

use super::settings::{lifetime, within};
use super::{Changes, Command, Event, Link, Passcode, Rejection, Release, Settings, Status};
use crate::abuse::{Reason, THRESHOLDS};
use crate::agent::Webhook;
use crate::budget::Tally;
use crate::time::full_minute;
use crate::{Millis, Policy, Sealed, SessionId, Timestamp};

/// What may pass between the reckoning of a link's end and the decision.
const CLOCK_SLACK: Millis = Millis::seconds(10);

impl Link {
    pub(super) fn decide(&self, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        match (self.status, &self.settings) {
            (Status::Unknown, _) | (Status::Active | Status::Paused | Status::Expired | Status::Revoked, None) => match command {
                Command::Open(settings) => {
                    lifetime_within(settings, now, policy)?;
                    within(settings, policy)?;
                    Ok(vec![Event::Opened { settings: settings.clone() }])
                }
                Command::Update(_)
                | Command::Pause
                | Command::Resume
                | Command::RotateToken
                | Command::Revoke { .. }
                | Command::Warn
                | Command::Expire
                | Command::Admit { .. }
                | Command::Draw { .. }
                | Command::Block { .. }
                | Command::NoticeAbuse { .. }
                | Command::Release { .. }
                | Command::Erase
                | Command::SetWebhook { .. } => Err(Rejection::Unknown),
            },
            (Status::Erased, _) => match command {
                Command::Open(_) => Err(Rejection::AlreadyOpen),
                Command::Erase | Command::Warn | Command::Expire | Command::NoticeAbuse { .. } | Command::Release { .. } => {
                    Ok(vec![])
                }
                Command::Update(_)
                | Command::Pause
                | Command::Resume
                | Command::RotateToken
                | Command::Revoke { .. }
                | Command::Admit { .. }
                | Command::Draw { .. }
                | Command::Block { .. }
                | Command::SetWebhook { .. } => Err(Rejection::Erased),
            },
            (Status::Active | Status::Paused | Status::Expired | Status::Revoked, Some(settings)) => {
                self.decide_known(settings, command, now, policy)
            }
        }
    }

    fn decide_known(
        &self,
        settings: &Settings,
        command: &Command,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Open(_) => Err(Rejection::AlreadyOpen),
            Command::Update(changes) => self.update(settings, changes, now, policy),
            Command::Pause => {
                self.open(settings, now).map(|()| if self.status == Status::Paused { vec![] } else { vec![Event::Paused] })
            }
            Command::Resume => {
                self.open(settings, now).map(|()| if self.status == Status::Active { vec![] } else { vec![Event::Resumed] })
            }
            Command::RotateToken => {
                self.open(settings, now).map(|()| vec![Event::TokenRotated { rotation: self.rotation.saturating_add(1) }])
            }
            Command::Revoke { end_sessions, farewell } => self.revoke(*end_sessions, farewell.as_ref(), policy),
            Command::Warn => self.warn(settings, now),
            Command::Expire => match self.status {
                Status::Expired | Status::Revoked => Ok(vec![]),
                Status::Unknown | Status::Active | Status::Paused | Status::Erased if now < settings.expires_at => {
                    Err(Rejection::NotDue { until: settings.expires_at })
                }
                Status::Unknown | Status::Active | Status::Paused | Status::Erased => Ok(vec![Event::Expired]),
            },
            Command::Admit { session, returning, start_before, passcode, recipient, client } => {
                if client.as_ref().is_some_and(|client| self.has_blocked(client)) {
                    return Err(Rejection::Blocked);
                }
                match self.admissions.get(session) {
                    // A later reservation makes the place safe from a release that was due to the earlier one.
                    Some(held) if *returning && held.start_before < *start_before => {
                        self.open_to_returning(settings, now)?;
                        return Ok(vec![Event::Admitted {
                            session: *session,
                            returning: true,
                            start_before: *start_before,
                            recipient: None,
                            bytes: 0,
                        }]);
                    }
                    Some(_) if *returning => return Ok(vec![]),
                    // A reservation is no way around the passcode.
                    Some(_) => return passcode_allows(settings, *passcode).map(|()| vec![]),
                    None => {}
                }
                self.admit(settings, *returning, *passcode, now, policy)?;
                let recipient = recipient.filter(|_| !returning);
                if let Some(recipient) = recipient {
                    self.admit_recipient(settings, recipient, *session)?;
                }
                let (bytes, mut events) = if *returning { (0, vec![]) } else { self.draw_start(settings, now, policy)? };
                let (session, returning, start_before) = (*session, *returning, *start_before);
                events.push(Event::Admitted { session, returning, start_before, recipient, bytes });
                Ok(events)
            }
            Command::Draw { session, spent, cost } => self.draw(settings, (*session, spent), *cost, now, policy),
            Command::Block { session, clients, network } => Ok(self.block(*session, clients, *network)),
            Command::NoticeAbuse { reason } => Ok(self.notice_abuse(settings, *reason, now)),
            Command::Release { session, reason, spent } => self.release(*session, *reason, *spent, now),
            Command::Erase => self.erase(now),
            Command::SetWebhook { webhook } => self.set_webhook(webhook.as_ref(), policy),
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

    /// A closed link may still have open sessions, so its webhook can be changed as long as anything is known of it.
    fn set_webhook(&self, webhook: Option<&Webhook>, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        if self.webhook.as_ref() == webhook {
            return Ok(vec![]);
        }
        if let Some(webhook) = webhook {
            let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            within_range("webhook_url", count(webhook.url.len()), 1, count(policy.webhook_url_bytes))?;
        }
        Ok(vec![Event::WebhookSet { webhook: webhook.cloned() }])
    }

    fn warn(&self, settings: &Settings, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        match (self.open(settings, now), self.warn_at) {
            (Ok(()), Some(until)) if now < until => Err(Rejection::NotDue { until }),
            (Ok(()), Some(_)) => Ok(vec![Event::Expiring { expires_at: settings.expires_at }]),
            // Nothing is ahead any more, or it was said.
            (Ok(()), None) | (Err(_), _) => Ok(vec![]),
        }
    }

    /// Tells the agent once a day: whoever makes the noise does not fill the log with it.
    fn notice_abuse(&self, settings: &Settings, reason: Reason, now: Timestamp) -> Vec<Event> {
        let told_again = Millis::minutes(i64::from(THRESHOLDS.link_told_again));
        let was_told = self.noticed.get(&reason).is_some_and(|at| now < *at + told_again);
        if was_told || self.open(settings, now).is_err() { vec![] } else { vec![Event::AbuseNoticed { reason }] }
    }

    fn revoke(&self, end_sessions: bool, farewell: Option<&Sealed>, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        match self.status {
            Status::Expired => return Ok(vec![]),
            // Closed to newcomers before, it may still end its sessions; never the other way round.
            Status::Revoked if self.ends_sessions() || !end_sessions => return Ok(vec![]),
            Status::Unknown | Status::Active | Status::Paused | Status::Revoked | Status::Erased => {}
        }
        if let Some(text) = farewell {
            // The sessions must be able to say it: a refusal there would keep them open.
            within_range("farewell", i64::from(text.characters), 1, i64::from(policy.text_characters))?;
        }
        Ok(vec![Event::Revoked { end_sessions, farewell: farewell.cloned() }])
    }

    fn update(&self, settings: &Settings, changes: &Changes, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        self.open(settings, now)?;
        let count = settings.recipient_count();
        if let Some(expected) = changes.more_recipients.as_ref().map(|more| more.before).filter(|before| *before != count) {
            return Err(Rejection::RecipientsChanged { count, expected });
        }
        let mut updated = changes.applied_to(settings);
        if changes.max_sessions_at_once.is_none() {
            updated.max_sessions_at_once = places_for(&updated, settings, policy);
        }
        if updated == *settings {
            return Ok(vec![]);
        }
        if changes.expires_at.is_some() {
            lifetime_within(&updated, now, policy)?;
        }
        within(&updated, policy)?;
        Ok(vec![Event::Updated { settings: Box::new(updated) }])
    }

    fn admit(
        &self,
        settings: &Settings,
        returning: bool,
        passcode: Passcode,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<(), Rejection> {
        if returning {
            self.open_to_returning(settings, now)?;
        } else {
            self.open(settings, now)?;
            if self.status == Status::Paused {
                return Err(Rejection::Paused);
            }
            passcode_allows(settings, passcode)?;
            if let Some(limit) = settings.max_sessions_total.filter(|limit| self.admitted >= *limit) {
                return Err(Rejection::UsedUp { limit });
            }
        }
        if self.admissions.len() >= settings.max_sessions_at_once as usize {
            return Err(Rejection::Full { limit: settings.max_sessions_at_once });
        }
        match full_minute(&self.recent, policy.starts_per_minute, now) {
            Some(retry_at) => Err(Rejection::TooManyStarts { retry_at }),
            None => Ok(()),
        }
    }

    /// Holds while nobody but `session` has come with a recipient's token.
    fn admit_recipient(&self, settings: &Settings, recipient: u8, session: SessionId) -> Result<(), Rejection> {
        match self.came.get(&recipient) {
            _ if recipient >= settings.recipient_count() => Err(Rejection::Unknown),
            Some(came) if *came != session => Err(Rejection::RecipientCame),
            Some(_) | None => Ok(()),
        }
    }

    /// Holds while who was in may come back: as long as the session lasts, even to a link that is closed to newcomers.
    fn open_to_returning(&self, settings: &Settings, now: Timestamp) -> Result<(), Rejection> {
        match self.open(settings, now) {
            Err(Rejection::Revoked) if !self.ends_sessions() && now < settings.expires_at => Ok(()),
            Err(Rejection::Revoked) if !self.ends_sessions() => Err(Rejection::Expired),
            open => open,
        }
    }

    fn release(
        &self,
        session: SessionId,
        reason: Release,
        spent: Option<Tally>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        match (self.admissions.get(&session), reason) {
            (None, _) => Ok(vec![]),
            (Some(admission), Release::Idle | Release::Unused) if now < admission.start_before => {
                Err(Rejection::NotDue { until: admission.start_before })
            }
            (Some(_), Release::Left | Release::Idle | Release::Unused) => {
                Ok(vec![Event::Released { session, unused: reason == Release::Unused, spent }])
            }
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

/// Counts the places of a link that has more recipients than before: one for each, if there was one for each.
fn places_for(updated: &Settings, before: &Settings, policy: &Policy) -> u32 {
    let places = before.max_sessions_at_once;
    let has_more = updated.recipient_count() > before.recipient_count();
    if has_more && places >= u32::from(before.recipient_count()) {
        places.max(u32::from(updated.recipient_count()).min(policy.sessions_at_once))
    } else {
        places
    }
}

/// Holds where the link asks for no passcode, or was given the right one.
fn passcode_allows(settings: &Settings, passcode: Passcode) -> Result<(), Rejection> {
    match passcode {
        Passcode::Wrong => Err(Rejection::PasscodeWrong),
        Passcode::Missing if settings.passcode.is_some() => Err(Rejection::PasscodeRequired),
        Passcode::Missing | Passcode::Right => Ok(()),
    }
}

/// Holds where the link ends neither too soon nor too late, counted from `now`.
fn lifetime_within(settings: &Settings, now: Timestamp, policy: &Policy) -> Result<(), Rejection> {
    let (left, shortest) = (settings.expires_at - now, policy.shortest_lifetime);
    // The shortest lifetime has shrunk a little since it was reckoned.
    let asked =
        if left > Millis(0) && left < shortest { Millis(left.0.saturating_add(CLOCK_SLACK.0)).min(shortest) } else { left };
    lifetime(policy).holds(asked.0)
}

fn within_range(setting: &'static str, given: i64, least: i64, most: i64) -> Result<(), Rejection> {
    if given < least || given > most {
        return Err(Rejection::OutOfRange { setting, given, least, most });
    }
    Ok(())
}
