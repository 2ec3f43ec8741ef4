//! What a link's events change.

use domain::link::{Event, Settings, Status};
use domain::{LinkId, Timestamp};
use follower::{Id, moment};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use super::{Context, Rows};
use crate::table::admission::AdmissionRow;
use crate::table::link::LinkRow;
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
            // The first is handled above; of the second, `webhooks` keeps rows of its own. What is left of budgets, and who is shut out,
            // is asked of the log alone.
            Event::Opened { .. }
            | Event::WebhookSet { .. }
            | Event::BudgetDrawn { .. }
            | Event::BudgetReached { .. }
            | Event::Blocked { .. }
            | Event::AbuseNoticed { .. } => {}
            Event::Updated { settings } => {
                let moved = row.settings.expires_at != settings.expires_at;
                row.settings.clone_from(settings);
                if moved {
                    self.schedule_end(commit, id, settings);
                    self.reschedule_sessions(commit, id, moment(settings.expires_at));
                }
            }
            Event::Paused => row.status = Status::Paused,
            Event::Resumed => row.status = Status::Active,
            Event::TokenRotated { rotation } => row.rotation = i64::from(*rotation),
            Event::Revoked { end_sessions, farewell: _ } => {
                row.status = Status::Revoked;
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
                row.status = Status::Expired;
                self.close_link(commit, id);
            }
            Event::Admitted { session, returning, start_before, recipient: _, bytes: _ } => {
                let session = session.column();
                row.admitted += i64::from(!returning);
                if self.admissions.get(&session).is_none() {
                    row.places_taken += 1;
                }
                let Context { agent, shard, sequence, .. } = *commit;
                self.admissions.put(session, AdmissionRow { session, agent, link: id, shard, came_back: *returning, sequence });
                self.schedule.set(cause, session, Purpose::ReleaseUnused, moment(*start_before));
            }
            Event::Released { session, unused, spent: _ } => {
                let session = session.column();
                if let Some(admission) = self.admissions.remove(&session) {
                    row.places_taken -= 1;
                    row.admitted -= i64::from(*unused && !admission.came_back);
                }
                // The words of a closed link are kept from its last place on.
                let erase_at = row.closed_at.and_then(|_| row.erase_at(commit.at));
                self.schedule.drop(cause, session, &[Purpose::Release, Purpose::ReleaseUnused]);
                if let Some(erase_at) = erase_at {
                    self.schedule.set(cause, id, Purpose::LinkErase, erase_at);
                }
            }
            Event::Erased => {
                row.status = Status::Erased;
                row.erased_at = Some(moment(commit.at));
                // Nobody can open the texts any more.
                *row.settings = row.settings.as_ref().clone().without_texts();
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
        let erase_at = row.erase_at(commit.at);
        self.schedule.drop(commit.cause(id), id, &[Purpose::LinkWarn, Purpose::LinkExpire]);
        if let Some(erase_at) = erase_at {
            self.schedule.set(commit.cause(id), id, Purpose::LinkErase, erase_at);
        }
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
    /// Tells when the texts of a closed link are to go, where nothing happens after `quiet_since`.
    fn erase_at(&self, quiet_since: Timestamp) -> Option<OffsetDateTime> {
        self.settings.erase_at(self.status, self.ends_sessions, self.admitted > 0, quiet_since).map(moment)
    }
}

fn opened(commit: &Context, id: Uuid, settings: &Settings) -> LinkRow {
    LinkRow {
        id,
        agent: commit.agent,
        shard: commit.shard,
        status: Status::Active,
        settings: Box::new(settings.clone()),
        rotation: 0,
        admitted: 0,
        places_taken: 0,
        opened_at: moment(commit.at),
        opened_sequence: commit.sequence,
        closed_at: None,
        ends_sessions: false,
        erased_at: None,
        sequence: commit.sequence,
    }
}
