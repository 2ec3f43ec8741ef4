//! The devices of a session: a hand-off code, short enough to be typed, adds one, and each can be forgotten separately.

use super::{Event, Rejection, Session, Settings, Status};
use crate::{DeviceId, Fingerprint, HandoffId, Policy, Timestamp};

impl Session {
    /// Offers the session to a device that presents the code; the previous code becomes void.
    pub(super) fn offer(
        &self,
        settings: &Settings,
        code: HandoffId,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        match self.live(settings, now) {
            // An idle session may be offered too: reading needs no admission.
            Ok(()) | Err(Rejection::Idle) => {}
            Err(refused) => return Err(refused),
        }
        if self.handoff.is_some_and(|offered| offered.code == code) {
            return Ok(vec![]);
        }
        if self.devices.len() >= policy.devices as usize {
            return Err(Rejection::TooManyDevices { limit: policy.devices });
        }
        if self.handoffs >= policy.handoffs {
            return Err(Rejection::TooManyHandoffs { limit: policy.handoffs });
        }
        let expires_at = (now + policy.handoff_lifetime).min(settings.expires_at);
        Ok(vec![Event::HandoffOffered { code, expires_at }])
    }

    /// Adds the device if the code is right, and counts wrong codes; all invalid codes get the same rejection.
    pub(super) fn take(
        &self,
        settings: &Settings,
        code: HandoffId,
        device: DeviceId,
        client: Option<Fingerprint>,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        if !matches!(self.live(settings, now), Ok(()) | Err(Rejection::Idle)) || self.forgotten.contains(&device) {
            return Err(Rejection::HandoffUnknown);
        }
        match &self.handoff {
            Some(offered) if now >= offered.expires_at || offered.misses >= policy.handoff_tries => {
                Err(Rejection::HandoffUnknown)
            }
            Some(offered) if offered.code == code => Ok(vec![Event::DeviceAdded { device, client }]),
            Some(_) => Ok(vec![Event::HandoffMissed]),
            None => Err(Rejection::HandoffUnknown),
        }
    }

    /// Forgets one device, in every state of the session.
    pub(super) fn forget(&self, device: DeviceId) -> Vec<Event> {
        if self.status == Status::Erased || self.has_forgotten(&device) {
            return vec![];
        }
        vec![Event::DeviceForgotten { device }]
    }
}
