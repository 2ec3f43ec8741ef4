//! What opens doors: link tokens, session credentials, API keys. Pure codecs over the installation's secrets: nothing is stored.
//!
//! A text that we did not make costs one hash and touches no store.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use domain::{AgentId, DeviceId, KeyId, LinkId, SessionId};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Secrets;
use crate::secrets::context;

/// The length of a tag in bytes: a made-up text passes with a chance of 1 to 2^128.
const TAG: usize = 16;

/// The longest text that is looked at, in bytes.
const LONGEST: usize = 128;

/// Makes and checks the tokens of link URLs: letters and digits only, since chat apps cut anything else off an URL's end.
#[derive(Debug, Clone)]
pub struct LinkTokens {
    tags: Tags,
}

/// The format's version in the high four bits, the root secret's number in the low four.
const LINK_FORM: u8 = 0x10;
/// The same for the token of one of a link's recipients.
const RECIPIENT_FORM: u8 = 0x20;

/// What a link's token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkToken {
    /// The tenant.
    pub agent: AgentId,
    /// The link.
    pub link: LinkId,
    /// The token's number: only the newest opens the link.
    pub rotation: u32,
    /// Which of the link's recipients it is for; none of a token for anyone.
    pub recipient: Option<u8>,
}

impl LinkTokens {
    /// Derives the key of link tokens.
    pub fn new(secrets: &Secrets) -> Self {
        Self { tags: Tags::new(secrets, context::LINK_TOKEN) }
    }

    /// Makes the token of a link: `form u8 | agent 16 | link 16 | rotation, big-endian without leading zeros | tag 16`, in base32.
    ///
    /// 79 letters until the first rotation, 80 until the 255th; the same input gives the same token.
    pub fn issue(&self, agent: AgentId, link: LinkId, rotation: u32) -> String {
        self.tags.issue(&[&[LINK_FORM], agent.bytes(), link.bytes(), digits(&rotation.to_be_bytes())])
    }

    /// Makes the token of one of a link's recipients: `form u8 | agent 16 | link 16 | recipient u8 | rotation | tag 16`.
    pub fn issue_to(&self, recipient: u8, agent: AgentId, link: LinkId, rotation: u32) -> String {
        let rotation = rotation.to_be_bytes();
        self.tags.issue(&[&[RECIPIENT_FORM], agent.bytes(), link.bytes(), &[recipient], digits(&rotation)])
    }

    /// Reads a token that we made, of any rotation: whether that is still the link's is for the link to say.
    pub fn check(&self, token: &str) -> Option<LinkToken> {
        let body = self.tags.check(token)?;
        let (&form, body) = body.split_first()?;
        let (agent, body) = body.split_first_chunk()?;
        let (link, body) = body.split_first_chunk()?;
        let (recipient, digits) = match form {
            LINK_FORM => (None, body),
            RECIPIENT_FORM => body.split_first().map(|(recipient, digits)| (Some(*recipient), digits))?,
            _ => return None,
        };
        let mut rotation = [0; 4];
        let (_, low) = rotation.split_at_mut(4_usize.checked_sub(digits.len())?);
        low.copy_from_slice(digits);
        let rotation = u32::from_be_bytes(rotation);
        Some(LinkToken { agent: AgentId::new(*agent), link: LinkId::new(*link), rotation, recipient })
    }
}

/// Leaves leading zeros out.
fn digits(rotation: &[u8; 4]) -> &[u8] {
    let zeros = rotation.iter().take_while(|byte| **byte == 0).count();
    rotation.split_at(zeros).1
}

/// How a client carries its session's credential; one never passes for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// As a cookie.
    Cookie,
    /// As a bearer token, where there are no cookies.
    Bearer,
}

/// Makes and checks what proves that a client is in a session.
#[derive(Debug, Clone)]
pub struct SessionCredentials {
    cookies: Tags,
    bearers: Tags,
}

const SESSION_VERSION: u8 = 2;
/// Credentials from when a session was in one browser and named none; they live as long as their sessions.
const DEVICELESS_VERSION: u8 = 1;

/// What a session's credential names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCredential {
    /// The tenant.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// The device that it was given to; where it names none, a name for the one that began the session.
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

    /// Reads a credential that we made for this carrier; the caller compares the session with the one that is asked for, and the
    /// session knows whether it has forgotten the device.
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

/// Writes, reads and hashes API keys: `tc_<version>_<agent>_<key>_<secret>`.
#[derive(Clone)]
pub struct ApiKeys {
    hashing: Zeroizing<[u8; 32]>,
}

const API_KEY_VERSION: &str = "1";

impl ApiKeys {
    /// Derives the key of the hashes under which secrets are recorded.
    pub fn new(secrets: &Secrets) -> Self {
        Self { hashing: secrets.derive(context::API_KEY) }
    }

    /// Writes an API key around 32 random bytes; it is shown once.
    pub fn issue(&self, agent: AgentId, key: KeyId, secret: &[u8; 32]) -> String {
        let (agent, key, secret) = (lower(agent.bytes()), lower(key.bytes()), Zeroizing::new(lower(secret)));
        format!("tc_{API_KEY_VERSION}_{agent}_{key}_{}", *secret)
    }

    /// Takes an API key apart; whether its secret is the right one is for the agent's recorded hash to say.
    pub fn parse(&self, text: &str) -> Option<(AgentId, KeyId, Zeroizing<[u8; 32]>)> {
        let mut parts = text.strip_prefix("tc_")?.split('_');
        let (version, agent, key, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != API_KEY_VERSION || parts.next().is_some() {
            return None;
        }
        let (agent, key) = (raise(agent)?.try_into().ok()?, raise(key)?.try_into().ok()?);
        let secret: &[u8; 32] = &raise(secret)?.as_slice().try_into().ok()?;
        Some((AgentId::new(agent), KeyId::new(key), Zeroizing::new(*secret)))
    }

    /// Hashes a secret for the record (keyed BLAKE3); compare hashes in constant time.
    pub fn hash(&self, secret: &[u8; 32]) -> [u8; 32] {
        *blake3::keyed_hash(&self.hashing, secret).as_bytes()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

/// Appends and checks the keyed tags of one purpose.
#[derive(Clone)]
struct Tags {
    key: Zeroizing<[u8; 32]>,
}

impl Tags {
    fn new(secrets: &Secrets, context: &'static str) -> Self {
        Self { key: secrets.derive(context) }
    }

    /// Every body of one purpose has one layout, so nothing stands between its parts.
    fn issue(&self, parts: &[&[u8]]) -> String {
        let mut bytes = parts.concat();
        bytes.extend_from_slice(&self.tag(&bytes));
        lower(&bytes)
    }

    /// Returns the body of a text that [`Self::issue`] made, and of no other.
    fn check(&self, text: &str) -> Option<Vec<u8>> {
        let mut bytes = raise(text)?;
        let (body, tag) = bytes.split_last_chunk::<TAG>()?;
        let genuine = bool::from(self.tag(body).ct_eq(tag));
        bytes.truncate(bytes.len() - TAG);
        genuine.then_some(bytes)
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        blake3::Hasher::new_keyed(&self.key).update(body).finalize_xof().fill(&mut tag);
        tag
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tags").finish_non_exhaustive()
    }
}

fn lower(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// Reads what [`lower`] wrote: one spelling only.
fn raise(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let upper = Zeroizing::new(text.to_ascii_uppercase());
    BASE32_NOPAD.decode(upper.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const LINK: LinkId = LinkId::new([2; 16]);
    const SESSION: SessionId = SessionId::new([3; 16]);
    const KEY: KeyId = KeyId::new([4; 16]);
    const DEVICE: DeviceId = DeviceId::new([6; 16]);

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#)).unwrap()
    }

    #[test]
    fn the_formats_never_change() {
        let sessions = SessionCredentials::new(&fixed());
        insta::assert_snapshot!(LinkTokens::new(&fixed()).issue(AGENT, LINK, 0), @"caaqcaibaeaqcaibaeaqcaibaeaqeaqcaibaeaqcaibaeaqcaibaeularu3rpl7sgnncrrhn4d5ijnq");
        insta::assert_snapshot!(LinkTokens::new(&fixed()).issue(AGENT, LINK, 258), @"caaqcaibaeaqcaibaeaqcaibaeaqeaqcaibaeaqcaibaeaqcaibaeaicd72thlg6irvk73z56kk2pzy2qa");
        insta::assert_snapshot!(LinkTokens::new(&fixed()).issue_to(7, AGENT, LINK, 258), @"eaaqcaibaeaqcaibaeaqcaibaeaqeaqcaibaeaqcaibaeaqcaibaebybalu4ypzovw3aggojuvy2pj7x7gwq");
        insta::assert_snapshot!(sessions.issue(Carrier::Cookie, AGENT, SESSION, DEVICE), @"aiaqcaibaeaqcaibaeaqcaibaeaqgaydambqgaydambqgaydambqgbqgaydambqgaydambqgaydambqf2ht625vsh3oe4abb4mbhpt54");
        insta::assert_snapshot!(sessions.issue(Carrier::Bearer, AGENT, SESSION, DEVICE), @"aiaqcaibaeaqcaibaeaqcaibaeaqgaydambqgaydambqgaydambqgbqgaydambqgaydambqgaydambxx5rnpj4oc2qfyno265gpy2pex");
        let keys = ApiKeys::new(&fixed());
        insta::assert_snapshot!(keys.issue(AGENT, KEY, &[5; 32]), @"tc_1_aeaqcaibaeaqcaibaeaqcaibae_aqcaibaeaqcaibaeaqcaibaeaq_aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq");
        insta::assert_snapshot!(data_encoding::HEXLOWER.encode(&keys.hash(&[5; 32])), @"5c94be1b954dcb433510f24ca181257e6c8f7d578edbfec5f3a130452227a6ea");
    }

    #[test]
    fn a_token_survives_any_chat_app() {
        let token = LinkTokens::new(&fixed()).issue(AGENT, LINK, u32::MAX);
        assert!(token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        assert_eq!(LinkTokens::new(&fixed()).check(&token.to_uppercase()), None);
    }

    #[test]
    fn what_another_installation_or_another_purpose_made_is_made_up() {
        let token = LinkTokens::new(&Secrets::generate()).issue(AGENT, LINK, 0);
        assert_eq!(LinkTokens::new(&fixed()).check(&token), None);
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
    fn a_genuine_text_of_an_unknown_form_is_refused() {
        let tokens = LinkTokens::new(&fixed());
        let newer = tokens.tags.issue(&[&[0x30], AGENT.bytes(), LINK.bytes()]);
        assert_eq!(tokens.check(&newer), None);
        let longer = tokens.tags.issue(&[&[LINK_FORM], AGENT.bytes(), LINK.bytes(), &[1; 5]]);
        assert_eq!(tokens.check(&longer), None);
        let sessions = SessionCredentials::new(&fixed());
        for (version, device) in
            [(SESSION_VERSION, &[][..]), (SESSION_VERSION, &[6; 15]), (DEVICELESS_VERSION, &[6; 16]), (3, &[6; 16])]
        {
            let odd = sessions.cookies.issue(&[&[version], AGENT.bytes(), SESSION.bytes(), device]);
            assert_eq!(sessions.check(Carrier::Cookie, &odd), None, "version {version}, {device:?}");
        }
    }

    #[test]
    fn an_api_key_comes_apart_as_it_was_put_together() {
        let keys = ApiKeys::new(&fixed());
        let text = keys.issue(AGENT, KEY, &[5; 32]);
        assert_eq!(keys.parse(&text).map(|(agent, key, secret)| (agent, key, *secret)), Some((AGENT, KEY, [5; 32])));
        for broken in
            ["", "tc_", "tc_1_a_b_c", &text[1..], &format!("{text}_"), &text.replace("tc_1", "tc_2"), &text.to_uppercase()]
        {
            assert!(keys.parse(broken).is_none(), "{broken}");
        }
        assert_ne!(keys.hash(&[5; 32]), ApiKeys::new(&Secrets::generate()).hash(&[5; 32]));
    }

    #[test]
    fn nothing_printed_tells_a_key() {
        let debug = format!("{:?}{:?}", LinkTokens::new(&fixed()), ApiKeys::new(&fixed()));
        assert_eq!(debug, "LinkTokens { tags: Tags { .. } }ApiKeys { .. }");
    }

    proptest! {
        #[test]
        fn a_token_reads_back_as_it_was_issued(agent: [u8; 16], link: [u8; 16], rotation: u32, recipient: u8) {
            let (tokens, agent, link) = (LinkTokens::new(&fixed()), AgentId::new(agent), LinkId::new(link));
            let token = LinkToken { agent, link, rotation, recipient: None };
            prop_assert_eq!(tokens.check(&tokens.issue(agent, link, rotation)), Some(token));
            let recipient = LinkToken { recipient: Some(recipient), ..token };
            prop_assert_eq!(tokens.check(&tokens.issue_to(recipient.recipient.unwrap(), agent, link, rotation)), Some(recipient));
        }

        #[test]
        fn no_changed_letter_goes_unnoticed(rotation: u32, at in 0..79_usize, letter in "[a-z2-7]") {
            let tokens = LinkTokens::new(&fixed());
            let mut token = tokens.issue(AGENT, LINK, rotation);
            prop_assume!(token[at..=at] != letter);
            token.replace_range(at..=at, &letter);
            prop_assert_eq!(tokens.check(&token), None);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,140}") {
            prop_assert_eq!(LinkTokens::new(&fixed()).check(&text), None);
            prop_assert!(ApiKeys::new(&fixed()).parse(&text).is_none());
        }
    }
}
