//! Sessions on several devices: a hand-off code adds a device, and each device can be forgotten separately.

use std::time::Duration;

use domain::session::{Command, Rejection, Session};
use domain::{Address, AgentId, DeviceId, Root, SessionId, Target, Timestamp};
use nats::{Actor, HandoffCode};

use crate::executor::Request;
use crate::talking::SESSIONS_SEEN_WITHIN;
use crate::{Commands, Receipt, Refusal};

/// How many codes are drawn if their locators are taken: with 10,000 codes in use, one in a hundred is.
const ATTEMPTS: usize = 4;

/// A hand-off code that was offered.
#[derive(Debug, Clone)]
pub struct Offered {
    /// The code; it is not stored.
    pub code: HandoffCode,
    /// Until when it is valid.
    pub expires_at: Timestamp,
    /// The receipt of the offer.
    pub receipt: Receipt,
}

/// A session that a device was added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOver {
    /// The tenant.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// The device's id in the session.
    pub device: DeviceId,
    /// The receipt of the addition.
    pub receipt: Receipt,
}

impl Commands {
    /// Returns a client's device id in a session.
    pub fn device(&self, session: SessionId, client_id: &str) -> DeviceId {
        self.inner.derived.device(session, client_id)
    }

    /// Tells whether a session has forgotten a device, from a state at most a second old.
    pub async fn has_forgotten(&self, session: Address, device: DeviceId) -> Result<bool, Refusal> {
        Ok(self.inner.sessions.look(session, SESSIONS_SEEN_WITHIN, |root| root.state.has_forgotten(&device)).await?)
    }

    /// Tells whether a session has forgotten a device, from the newest state.
    pub async fn has_just_forgotten(&self, session: Address, device: DeviceId) -> Result<bool, Refusal> {
        Ok(self.inner.sessions.look(session, Duration::ZERO, |root| root.state.has_forgotten(&device)).await?)
    }

    /// Offers a session to another device by a new code; the previous code becomes void.
    pub async fn offer_handoff(&self, agent: AgentId, session: SessionId) -> Result<Offered, Refusal> {
        let address = Address::session(agent, session);
        for _ in 0..ATTEMPTS {
            let code = HandoffCode::draw();
            let hash = self.inner.derived.handoff(session, &code);
            // The session decides first: a refused offer enters no code into the index.
            let receipt = self.ask_session(address, Actor::Chatter, Command::OfferHandoff { code: hash }).await?;
            if !self.inner.backbone.handoffs().lead(&code, agent, session).await? {
                continue;
            }
            let offered = self.inner.sessions.look(address, SESSIONS_SEEN_WITHIN, |root| root.state.handoff).await?;
            return match offered.filter(|offered| offered.code == hash) {
                Some(offered) => Ok(Offered { code, expires_at: offered.expires_at, receipt }),
                // Another request has replaced the code meanwhile.
                None => Err(Refusal::Busy),
            };
        }
        Err(Refusal::Busy)
    }

    /// Adds a client's device to the session that offered the code; a repeat by the same client gets the first answer.
    ///
    /// A code that is wrong, used, expired or unknown gets the same refusal, and so does a device that was shut out of the link: it is not told
    /// that a code would be right.
    pub async fn take_handoff(&self, code: &HandoffCode, client_id: &str) -> Result<HandedOver, Refusal> {
        let unknown = || Refusal::Session(Rejection::HandoffUnknown);
        let address = self.inner.backbone.handoffs().find(code).await?.ok_or_else(unknown)?;
        let Target::Session(session) = address.target else { return Err(unknown()) };
        let device = self.device(session, client_id);
        let id = self.inner.derived.command(&address, &format!("handoff:{}:{client_id}", code.as_str()));
        let hash = self.inner.derived.handoff(session, code);
        // Another process may have offered the code a moment ago: read the newest state.
        let link = self.inner.sessions.look(address, Duration::ZERO, |root| root.state.link).await?;
        let client = match link {
            Some(link) => self.client_of(Address::link(address.agent, link), client_id).await?,
            None => None,
        };
        let command = Command::TakeHandoff { code: hash, device, client };
        let sent = self.send_session(address, Request::new(id, Actor::Chatter, command)).await;
        let receipt = sent.map_err(|refusal| match refusal {
            Refusal::Session(_) => unknown(),
            broken => broken,
        })?;
        // A wrong code is accepted as an event (it is counted), so only the state tells whether the device was added.
        let is_added =
            |root: &Root<Session>| root.state.devices.get(&device) == Some(&hash) && !root.state.has_forgotten(&device);
        if self.inner.sessions.look(address, SESSIONS_SEEN_WITHIN, is_added).await? {
            Ok(HandedOver { agent: address.agent, session, device, receipt })
        } else {
            Err(unknown())
        }
    }

    /// Forgets a device: its credential and its client id no longer open the session. Other devices are not affected.
    pub async fn forget_device(&self, session: Address, device: DeviceId) -> Result<Receipt, Refusal> {
        self.ask_session(session, Actor::Chatter, Command::ForgetDevice { device }).await
    }
}
