//! Sessions on several devices: a code carries one over, and each device is forgotten by itself.

use std::time::Duration;

use domain::session::{Command, Rejection, Session};
use domain::{Address, AgentId, DeviceId, Fingerprint, Root, SessionId, Target, Timestamp};
use nats::{Actor, HandoffCode, Reserve};

use crate::executor::Order;
use crate::talking::SESSIONS_SEEN_WITHIN;
use crate::{Commands, Receipt, Refusal};

/// How many codes are drawn where each leads elsewhere already: with 10,000 codes abroad, one in a hundred does.
const ATTEMPTS: usize = 4;

/// A code that lets another device into a session.
#[derive(Debug, Clone)]
pub struct Offered {
    /// The code; it is kept nowhere.
    pub code: HandoffCode,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Where the offer stands.
    pub receipt: Receipt,
}

/// A session that another device was let into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOver {
    /// The tenant.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// The device, as the session knows it.
    pub device: DeviceId,
    /// Where its coming in stands.
    pub receipt: Receipt,
}

impl Commands {
    /// Names the device that a client is to a session.
    pub fn device(&self, session: SessionId, client_id: &str) -> DeviceId {
        self.inner.derived.device(session, client_id)
    }

    /// Tells whether a session, as the log had it within the last second, has forgotten a device.
    pub async fn has_forgotten(&self, session: Address, device: DeviceId) -> Result<bool, Refusal> {
        Ok(self.inner.sessions.look(session, SESSIONS_SEEN_WITHIN, |root| root.state.has_forgotten(&device)).await?)
    }

    /// Tells the same of the log as it is now.
    pub async fn has_just_forgotten(&self, session: Address, device: DeviceId) -> Result<bool, Refusal> {
        Ok(self.inner.sessions.look(session, Duration::ZERO, |root| root.state.has_forgotten(&device)).await?)
    }

    /// Offers a session to another device: by a new code, which makes the one before it void.
    pub async fn offer_handoff(&self, agent: AgentId, session: SessionId) -> Result<Offered, Refusal> {
        let address = Address::session(agent, session);
        for _ in 0..ATTEMPTS {
            let code = HandoffCode::draw();
            let hash = self.inner.derived.handoff(session, &code);
            // The rules first: who may have no code takes up no place among them.
            let receipt = self.ask_session(address, Actor::Chatter, Command::OfferHandoff { code: hash }).await?;
            if !self.inner.backbone.handoffs().lead(&code, agent, session).await? {
                continue;
            }
            let offered = self.inner.sessions.look(address, SESSIONS_SEEN_WITHIN, |root| root.state.handoff).await?;
            return match offered.filter(|offered| offered.code == hash) {
                Some(offered) => Ok(Offered { code, expires_at: offered.expires_at, receipt }),
                // Another tab asked for one right after us.
                None => Err(Refusal::Busy),
            };
        }
        Err(Refusal::Busy)
    }

    /// Lets a client into the session that offered the code; the same client with the same code again gets the first answer.
    ///
    /// A code that is wrong, used up or expired, and one that never was, are refused alike.
    pub async fn take_handoff(&self, code: &HandoffCode, client_id: &str) -> Result<HandedOver, Refusal> {
        let unknown = || Refusal::Session(Rejection::HandoffUnknown);
        let address = self.inner.backbone.handoffs().find(code).await?.ok_or_else(unknown)?;
        let Target::Session(session) = address.target else { return Err(unknown()) };
        let device = self.device(session, client_id);
        let id = self.inner.derived.command(&address, &format!("handoff:{}:{client_id}", code.as_str()));
        let hash = self.inner.derived.handoff(session, code);
        let command = Command::TakeHandoff { code: hash, device };
        let fingerprint = Fingerprint::new(*id.bytes());
        let order = Order { id, fingerprint, actor: Actor::Chatter, reserve: Reserve::Ordinary, command };
        // Another process may have offered it a moment ago.
        self.inner.sessions.look(address, Duration::ZERO, |_| ()).await?;
        let outcome = self.inner.sessions.execute(address, order).await.map_err(|refused| match Refusal::from(refused) {
            Refusal::Session(_) => unknown(),
            broken => broken,
        })?;
        // A wrong code is an event too, and no refusal.
        let came_in = |root: &Root<Session>| root.state.devices.get(&device) == Some(&hash) && !root.state.has_forgotten(&device);
        if self.inner.sessions.look(address, SESSIONS_SEEN_WITHIN, came_in).await? {
            Ok(HandedOver { agent: address.agent, session, device, receipt: self.receipt(address.agent, &outcome) })
        } else {
            Err(unknown())
        }
    }

    /// Shuts a device out of a session: its credential and its client id open it no more. The others stay.
    pub async fn forget_device(&self, session: Address, device: DeviceId) -> Result<Receipt, Refusal> {
        self.ask_session(session, Actor::Chatter, Command::ForgetDevice { device }).await
    }
}
