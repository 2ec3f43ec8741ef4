//! What a link's events change.

use domain::link::{Event, Settings};
use domain::{LinkId, Millis, Timestamp};
use follower::{Id, moment, sealed};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use super::{Context, Rows};
use crate::table::admission::AdmissionRow;
use crate::table::link::{LinkRow, LinkStatus};
use crate::table::scheduled::Purpose;

impl Rows {
    pub(super) fn fold_link(&mut self, commit: &Context, link: LinkId, event: &Event) {
        let id = link.column();
        let cause = commit.cause(id);
        if let Event::Opened { settings } = event {
            self.links.put(id, opened(commit, id, settings));
            self.schedule_end(commit, id, settings);
            return;
        }
        let Some(row) = self.links.change(&id) else { return };
        row.sequence = commit.sequence;
        match event {
            // Whoever tells agents reads it from the log.
            Event::Opened { .. } | Event::WebhookSet { .. } => {}
            Event::Updated { settings } => {
                let moved = row.expires_at != moment(settings.expires_at);
                row.set(settings);
                if moved {
                    self.schedule_end(commit, id, settings);
                    self.reschedule_sessions(commit, id, moment(settings.expires_at));
                }
            }
            Event::Paused => row.status = LinkStatus::Paused,
            Event::Resumed => row.status = LinkStatus::Active,
            Event::TokenRotated { rotation } => row.rotation = i64::from(*rotation),
            Event::Revoked { end_sessions, farewell: _ } => {
                row.status = LinkStatus::Revoked;
                row.ends_sessions = *end_sessions;
                self.close_link(commit, id);
                if *end_sessions {
                    for session in self.open_sessions(id) {
                        self.schedule.set(cause, session, Purpose::EndWithLink, moment(commit.at));
                    }
                }
            }
            Event::Expiring { .. } => self.schedule.drop(cause, id, &[Purpose::LinkWarn]),
            Event::Expired => {
                row.status = LinkStatus::Expired;
                self.close_link(commit, id);
            }
            Event::Admitted { session, returning, start_before, recipient: _ } => {
                let session = session.column();
                row.admitted += i64::from(!returning);
                if self.admissions.get(&session).is_none() {
                    row.places_taken += 1;
                }
                let Context { agent, shard, sequence, .. } = *commit;
                self.admissions.put(session, AdmissionRow { session, agent, link: id, shard, came_back: *returning, sequence });
                self.schedule.set(cause, session, Purpose::ReleaseUnused, moment(*start_before));
            }
            Event::Released { session, unused } => {
                let session = session.column();
                if let Some(admission) = self.admissions.remove(&session) {
                    row.places_taken -= 1;
                    row.admitted -= i64::from(*unused && !admission.came_back);
                }
                // The words of a closed link are kept from its last place on.
                let erase_at = row.closed_at.map(|_| row.kept_until(commit.at));
                self.schedule.drop(cause, session, &[Purpose::Release, Purpose::ReleaseUnused]);
                if let Some(erase_at) = erase_at {
                    self.schedule.set(cause, id, Purpose::LinkErase, erase_at);
                }
            }
            Event::Erased => {
                row.status = LinkStatus::Erased;
                row.erased_at = Some(moment(commit.at));
                // Nobody can open them any more.
                row.title = None;
                row.purpose = None;
                row.description = None;
                row.welcome_message = None;
                row.agent_name = None;
                row.questions = None;
                row.recipients = None;
                self.schedule.drop(cause, id, &[Purpose::LinkWarn, Purpose::LinkExpire, Purpose::LinkErase]);
            }
        }
    }

    fn schedule_end(&mut self, commit: &Context, id: Uuid, settings: &Settings) {
        let cause = commit.cause(id);
        match settings.warn_at(commit.at) {
            Some(warn_at) => self.schedule.set(cause, id, Purpose::LinkWarn, moment(warn_at)),
            None => self.schedule.drop(cause, id, &[Purpose::LinkWarn]),
        }
        self.schedule.set(cause, id, Purpose::LinkExpire, moment(settings.expires_at));
    }

    fn close_link(&mut self, commit: &Context, id: Uuid) {
        let Some(row) = self.links.change(&id) else { return };
        row.closed_at.get_or_insert(moment(commit.at));
        let erase_at = row.kept_until(commit.at);
        self.schedule.drop(commit.cause(id), id, &[Purpose::LinkWarn, Purpose::LinkExpire]);
        self.schedule.set(commit.cause(id), id, Purpose::LinkErase, erase_at);
    }

    fn reschedule_sessions(&mut self, commit: &Context, link: Uuid, expires_at: OffsetDateTime) {
        for session in self.open_sessions(link) {
            if self.sessions.get(&session).is_some_and(|row| row.expires_at == expires_at) {
                self.schedule.drop(commit.cause(link), session, &[Purpose::Reschedule]);
            } else {
                self.schedule.set(commit.cause(link), session, Purpose::Reschedule, moment(commit.at));
            }
        }
    }

    /// Returns the link's sessions in which something may still be said, at this place of the log.
    fn open_sessions(&self, link: Uuid) -> Vec<Uuid> {
        self.sessions.iter().filter(|(_, row)| row.link == link && row.status.is_open()).map(|(id, _)| *id).collect()
    }
}

impl LinkRow {
    fn set(&mut self, settings: &Settings) {
        self.title = Some(sealed(&settings.title));
        self.purpose = settings.purpose.as_ref().map(sealed);
        self.description = settings.description.as_ref().map(sealed);
        self.welcome_message = settings.welcome_message.as_ref().map(sealed);
        self.agent_name = settings.agent_name.as_ref().map(sealed);
        self.questions = settings.questions.as_ref().map(|questions| sealed(&questions.form));
        self.question = settings.questions.as_ref().map(|questions| questions.question.column());
        self.recipients = settings.recipients.as_ref().map(|recipients| sealed(&recipients.labels));
        self.has_passcode = settings.passcode.is_some();
        self.expires_at = moment(settings.expires_at);
        self.max_sessions_at_once = i64::from(settings.max_sessions_at_once);
        self.max_sessions_total = settings.max_sessions_total.map(i64::from);
        self.max_messages_per_session = i64::from(settings.max_messages_per_session);
        self.messages_per_minute = i64::from(settings.messages_per_minute);
        self.idle_timeout_ms = settings.idle_timeout.0;
        self.keep_after_end_ms = settings.keep_after_end.0;
        self.language.clone_from(&settings.language);
        self.allowed_origins.clone_from(&settings.allowed_origins);
    }

    /// Tells when the words of a closed link are to go, where nothing happens after `quiet_since`: `domain::link::Link::erase_at`.
    fn kept_until(&self, quiet_since: Timestamp) -> OffsetDateTime {
        let keep = Millis(self.keep_after_end_ms);
        let kept = moment(quiet_since + keep);
        // Idle sessions hold no place, and may come back until their time is up.
        if self.status == LinkStatus::Revoked && !self.ends_sessions && self.admitted > 0 {
            kept.max(later(self.expires_at, keep))
        } else {
            kept
        }
    }
}

fn later(moment: OffsetDateTime, length: Millis) -> OffsetDateTime {
    moment.saturating_add(time::Duration::milliseconds(length.0))
}

fn opened(commit: &Context, id: Uuid, settings: &Settings) -> LinkRow {
    let at = moment(commit.at);
    let mut row = LinkRow {
        id,
        agent: commit.agent,
        shard: commit.shard,
        status: LinkStatus::Active,
        title: None,
        purpose: None,
        description: None,
        welcome_message: None,
        agent_name: None,
        questions: None,
        recipients: None,
        question: None,
        has_passcode: false,
        expires_at: at,
        max_sessions_at_once: 0,
        max_sessions_total: None,
        max_messages_per_session: 0,
        messages_per_minute: 0,
        idle_timeout_ms: 0,
        keep_after_end_ms: 0,
        language: None,
        allowed_origins: vec![],
        rotation: 0,
        admitted: 0,
        places_taken: 0,
        opened_at: at,
        opened_sequence: commit.sequence,
        closed_at: None,
        ends_sessions: false,
        erased_at: None,
        sequence: commit.sequence,
    };
    row.set(settings);
    row
}
