//! How a link changes by what happened.

use imbl::{OrdMap, Vector};

use super::{Admission, Event, Link, Revocation, Status};
use crate::Timestamp;
use crate::budget::Amounts;
use crate::time::note;

impl Link {
    pub(super) fn evolve(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Opened { settings } => {
                self.status = Status::Active;
                self.warn_at = settings.warn_at(at);
                self.settings = Some((**settings).clone());
            }
            Event::Updated { settings } => {
                if self.settings.as_ref().is_none_or(|before| before.expires_at != settings.expires_at) {
                    self.warn_at = settings.warn_at(at);
                }
                self.settings = Some((**settings).clone());
            }
            Event::Paused => self.status = Status::Paused,
            Event::Resumed => self.status = Status::Active,
            Event::TokenRotated { rotation } => self.rotation = *rotation,
            Event::Revoked { end_sessions, farewell } => {
                self.status = Status::Revoked;
                self.revocation = Some(Revocation { end_sessions: *end_sessions, farewell: farewell.clone() });
                self.quiet_since = at;
            }
            Event::Expiring { .. } => self.warn_at = None,
            Event::Expired => {
                self.status = Status::Expired;
                self.quiet_since = at;
            }
            Event::Admitted { session, returning, start_before, recipient, bytes } => {
                if *bytes > 0 {
                    self.note_drawn(*session, Amounts::bytes(*bytes), at);
                }
                if let Some(recipient) = recipient {
                    self.came.insert(*recipient, *session);
                }
                let held = self.admissions.insert(*session, Admission { start_before: *start_before, returning: *returning });
                if !returning {
                    self.admitted = self.admitted.saturating_add(1);
                }
                if held.is_none() {
                    note(&mut self.recent, at);
                }
            }
            Event::BudgetDrawn { session, drawn } => self.note_drawn(*session, *drawn, at),
            Event::BudgetReached { .. } => {}
            Event::Blocked { session: _, clients, network } => self.note_blocked(clients, *network),
            Event::AbuseNoticed { reason } => {
                self.noticed.insert(*reason, at);
            }
            Event::Released { session, unused, spent } => {
                if let Some(spent) = spent {
                    self.settle(*session, spent, at);
                }
                let counted = self.admissions.remove(session).is_some_and(|admission| !admission.returning);
                if *unused && counted {
                    self.admitted = self.admitted.saturating_sub(1);
                    self.came = self.came.iter().filter(|(_, came)| *came != session).map(|(who, came)| (*who, *came)).collect();
                }
                self.quiet_since = at;
            }
            Event::Erased => {
                self.status = Status::Erased;
                self.settings = None;
                self.revocation = None;
                self.webhook = None;
                self.granted = OrdMap::new();
                self.blocked = Vector::new();
                self.blocked_networks = Vector::new();
            }
            Event::WebhookSet { webhook } => {
                self.webhook_rotation = webhook.as_ref().map_or(self.webhook_rotation, |webhook| webhook.rotation);
                self.webhook.clone_from(webhook);
            }
        }
    }
}
