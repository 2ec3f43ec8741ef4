//! Session credentials: what proves that a client takes part in a session. They are made and checked under the installation's
//! secrets.

use domain::{AgentId, DeviceId, SessionId};

use crate::credentials::tags::Tags;
use crate::keys::secrets::{Secrets, context};

/// How a client sends its session's credential; one form is never accepted as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// As a cookie.
    Cookie,
    /// As a bearer token, where there are no cookies.
    Bearer,
}

/// Makes and checks session credentials.
#[derive(Debug, Clone)]
pub struct SessionCredentials {
    cookies: Tags,
    bearers: Tags,
}

const SESSION_VERSION: u8 = 2;
/// Credentials from before sessions had devices; they are valid as long as their sessions.
const DEVICELESS_VERSION: u8 = 1;

/// What a session's credential names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCredential {
    /// The tenant.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// The device that it was issued to; a credential without one gets the session's id, which stands for the first device.
    pub device: DeviceId,
}

impl SessionCredentials {
    /// Derives the keys of cookies and bearer tokens.
    pub fn new(secrets: &Secrets) -> Self {
        Self { cookies: Tags::new(secrets, context::SESSION_COOKIE), bearers: Tags::new(secrets, context::SESSION_BEARER) }
    }

    /// Makes the credential of a session on one device: `version u8 | agent 16 | session 16 | device 16 | tag 16`, in base32 (104
    /// letters and digits).
    pub fn issue(&self, carrier: Carrier, agent: AgentId, session: SessionId, device: DeviceId) -> String {
        self.tags(carrier).issue(&[&[SESSION_VERSION], agent.bytes(), session.bytes(), device.bytes()])
    }

    /// Reads a credential that was made for this carrier; the caller compares the session with the requested one and checks
    /// that the session has not forgotten the device.
    pub fn check(&self, carrier: Carrier, text: &str) -> Option<SessionCredential> {
        let body = self.tags(carrier).check(text)?;
        let (&version, body) = body.split_first()?;
        let (agent, body) = body.split_first_chunk()?;
        let (session, device) = body.split_first_chunk()?;
        let device = match version {
            SESSION_VERSION => device.try_into().ok()?,
            DEVICELESS_VERSION if device.is_empty() => *session,
            _ => return None,
        };
        Some(SessionCredential { agent: AgentId::new(*agent), session: SessionId::new(*session), device: DeviceId::new(device) })
    }

    fn tags(&self, carrier: Carrier) -> &Tags {
        match carrier {
            Carrier::Cookie => &self.cookies,
            Carrier::Bearer => &self.bearers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::link_token::LinkTokens;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const SESSION: SessionId = SessionId::new([3; 16]);
    const DEVICE: DeviceId = DeviceId::new([6; 16]);

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#)).unwrap()
    }

    #[test]
    fn the_format_never_changes() {
        let sessions = SessionCredentials::new(&fixed());
        insta::assert_snapshot!(sessions.issue(Carrier::Cookie, AGENT, SESSION, DEVICE), @"aiaqcaibaeaqcaibaeaqcaibaeaqgaydambqgaydambqgaydambqgbqgaydambqgaydambqgaydambqf2ht625vsh3oe4abb4mbhpt54");
        insta::assert_snapshot!(sessions.issue(Carrier::Bearer, AGENT, SESSION, DEVICE), @"aiaqcaibaeaqcaibaeaqcaibaeaqgaydambqgaydambqgaydambqgbqgaydambqgaydambqgaydambxx5rnpj4oc2qfyno265gpy2pex");
    }

    #[test]
    fn a_credential_made_for_another_purpose_is_refused() {
        let sessions = SessionCredentials::new(&fixed());
        let cookie = sessions.issue(Carrier::Cookie, AGENT, SESSION, DEVICE);
        assert_eq!(
            sessions.check(Carrier::Cookie, &cookie),
            Some(SessionCredential { agent: AGENT, session: SESSION, device: DEVICE })
        );
        assert_eq!(sessions.check(Carrier::Bearer, &cookie), None);
        assert_eq!(LinkTokens::new(&fixed()).check(&cookie), None);
    }

    #[test]
    fn credentials_that_name_no_device_still_open_their_session() {
        let sessions = SessionCredentials::new(&fixed());
        let first = Some(SessionCredential { agent: AGENT, session: SESSION, device: DeviceId::new(*SESSION.bytes()) });
        let cookie = "aeaqcaibaeaqcaibaeaqcaibaeaqgaydambqgaydambqgaydambqhg24v2eh2get4ovzyrcyhwnexry";
        let bearer = "aeaqcaibaeaqcaibaeaqcaibaeaqgaydambqgaydambqgaydambqhqqmonmw5evnbpzene3llgmjl4q";
        assert_eq!((sessions.check(Carrier::Cookie, cookie), sessions.check(Carrier::Bearer, bearer)), (first, first));
        assert_eq!((sessions.check(Carrier::Bearer, cookie), sessions.check(Carrier::Cookie, bearer)), (None, None));
    }

    #[test]
    fn a_genuine_text_of_an_unknown_version_is_refused() {
        let sessions = SessionCredentials::new(&fixed());
        for (version, device) in
            [(SESSION_VERSION, &[][..]), (SESSION_VERSION, &[6; 15]), (DEVICELESS_VERSION, &[6; 16]), (3, &[6; 16])]
        {
            let odd = sessions.cookies.issue(&[&[version], AGENT.bytes(), SESSION.bytes(), device]);
            assert_eq!(sessions.check(Carrier::Cookie, &odd), None, "version {version}, {device:?}");
        }
    }
}
