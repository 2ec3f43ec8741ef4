//! Link tokens: what stands in a link's URL. They are made and checked under the installation's secrets; nothing is stored.

use domain::{AgentId, LinkId};

use crate::credentials::tags::Tags;
use crate::keys::secrets::{Secrets, context};

/// Makes and checks the tokens of link URLs: letters and digits only, because chat apps cut anything else off the end of a URL.
#[derive(Debug, Clone)]
pub struct LinkTokens {
    tags: Tags,
}

/// The format's version in the high four bits, the root secret's number in the low four.
const LINK_FORM: u8 = 0x10;
/// The same for the token of one of a link's recipients.
const RECIPIENT_FORM: u8 = 0x20;

/// What a link token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkToken {
    /// The tenant.
    pub agent: AgentId,
    /// The link.
    pub link: LinkId,
    /// The token's number: only the newest opens the link.
    pub rotation: u32,
    /// The recipient that it was issued to; `None` for the link's general token.
    pub recipient: Option<u8>,
}

impl LinkTokens {
    /// Derives the key of link tokens.
    pub fn new(secrets: &Secrets) -> Self {
        Self { tags: Tags::new(secrets, context::LINK_TOKEN) }
    }

    /// Makes the token of a link: `form u8 | agent 16 | link 16 | rotation, big-endian without leading zeros | tag 16`, in
    /// base32.
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

    /// Reads a token of this installation, of any rotation: the link decides whether that rotation is still valid.
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

/// Drops leading zeros.
fn digits(rotation: &[u8; 4]) -> &[u8] {
    let zeros = rotation.iter().take_while(|byte| **byte == 0).count();
    rotation.split_at(zeros).1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const LINK: LinkId = LinkId::new([2; 16]);

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#)).unwrap()
    }

    #[test]
    fn the_format_never_changes() {
        insta::assert_snapshot!(LinkTokens::new(&fixed()).issue(AGENT, LINK, 0), @"caaqcaibaeaqcaibaeaqcaibaeaqeaqcaibaeaqcaibaeaqcaibaeularu3rpl7sgnncrrhn4d5ijnq");
        insta::assert_snapshot!(LinkTokens::new(&fixed()).issue(AGENT, LINK, 258), @"caaqcaibaeaqcaibaeaqcaibaeaqeaqcaibaeaqcaibaeaqcaibaeaicd72thlg6irvk73z56kk2pzy2qa");
        insta::assert_snapshot!(LinkTokens::new(&fixed()).issue_to(7, AGENT, LINK, 258), @"eaaqcaibaeaqcaibaeaqcaibaeaqeaqcaibaeaqcaibaeaqcaibaebybalu4ypzovw3aggojuvy2pj7x7gwq");
    }

    #[test]
    fn a_token_survives_any_chat_app() {
        let token = LinkTokens::new(&fixed()).issue(AGENT, LINK, u32::MAX);
        assert!(token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        assert_eq!(LinkTokens::new(&fixed()).check(&token.to_uppercase()), None);
    }

    #[test]
    fn a_token_of_another_installation_is_refused() {
        let token = LinkTokens::new(&Secrets::generate()).issue(AGENT, LINK, 0);
        assert_eq!(LinkTokens::new(&fixed()).check(&token), None);
    }

    #[test]
    fn a_genuine_text_of_an_unknown_form_is_refused() {
        let tokens = LinkTokens::new(&fixed());
        let newer = tokens.tags.issue(&[&[0x30], AGENT.bytes(), LINK.bytes()]);
        assert_eq!(tokens.check(&newer), None);
        let longer = tokens.tags.issue(&[&[LINK_FORM], AGENT.bytes(), LINK.bytes(), &[1; 5]]);
        assert_eq!(tokens.check(&longer), None);
    }

    #[test]
    fn debug_output_tells_no_key() {
        assert_eq!(format!("{:?}", LinkTokens::new(&fixed())), "LinkTokens { tags: Tags { .. } }");
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
        }
    }
}
