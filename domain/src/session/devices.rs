//! On which devices a session is: a code, short enough to be typed, lets in one more, and each is forgotten by itself.

use super::{Event, Rejection, Session, Settings, Status};
use crate::{DeviceId, HandoffId, Policy, Timestamp};

impl Session {
    /// Offers the session to whoever brings the code; the code before it is void.
    pub(super) fn offer(
        &self,
        settings: &Settings,
        code: HandoffId,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        match self.live(settings, now) {
            // Reading needs no place.
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

    /// Lets in who brings the right code, and counts who does not; all that is wrong is refused alike.
    pub(super) fn take(
        &self,
        settings: &Settings,
        code: HandoffId,
        device: DeviceId,
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
            Some(offered) if offered.code == code => Ok(vec![Event::DeviceAdded { device }]),
            Some(_) => Ok(vec![Event::HandoffMissed]),
            None => Err(Rejection::HandoffUnknown),
        }
    }

    /// Shuts out one device, whatever becomes of the session.
    pub(super) fn forget(&self, device: DeviceId) -> Vec<Event> {
        if self.status == Status::Erased || self.has_forgotten(&device) {
            return vec![];
        }
        vec![Event::DeviceForgotten { device }]
    }
}
