//! An index of sessions by hand-off code: a person who types a code names no session, so the code's first half is looked up here.
//!
//! An entry grants nothing: the session decides whether a code is valid. So the index is not part of the log; a lost entry means
//! that
//! a new code has to be drawn, and a stale entry leads to a session that refuses.

use std::sync::LazyLock;

use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use data_encoding::{Encoding, Specification};
use domain::{Address, AgentId, SessionId};

use crate::log::subjects;
use crate::{Error, random};

/// Letters of the locator, which finds the session, and of the other half, which only the session can check: 20 bits each.
const HALF: usize = 4;
/// The longest text that is decoded, in bytes.
const LONGEST: usize = 64;

/// Crockford's base32: no I, L, O, U, so that what is read aloud or copied by hand has one meaning, in any case and with dashes.
static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut letters = Specification::new();
    letters.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    letters.translate.from.push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    letters.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    letters.ignore.push_str(" -");
    letters.encoding().expect("32 different letters, and others for some of them")
});

/// A hand-off code as it is typed: 8 letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct HandoffCode(String);

impl HandoffCode {
    /// Draws a code: 40 random bits.
    pub fn draw() -> Self {
        Self::of(random::bytes())
    }

    /// Parses what a person typed.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() <= LONGEST).then(|| CROCKFORD.decode(text.as_bytes()).ok())?;
        bytes?.try_into().ok().map(Self::of)
    }

    fn of(bytes: [u8; 5]) -> Self {
        Self(CROCKFORD.encode(&bytes))
    }

    /// Returns the letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn locator(&self) -> &str {
        self.0.split_at(HALF).0
    }
}

impl std::fmt::Debug for HandoffCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandoffCode(..)")
    }
}

/// The index of sessions by hand-off code; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handoffs {
    jetstream: Context,
}

impl Handoffs {
    pub(crate) const fn new(jetstream: Context) -> Self {
        Self { jetstream }
    }

    /// Enters a code for a session; false where its locator leads to another session already: then another code must be drawn.
    pub async fn lead(&self, code: &HandoffCode, agent: AgentId, session: SessionId) -> Result<bool, Error> {
        let entry = [*agent.bytes(), *session.bytes()].concat();
        let message = PublishMessage::build().payload(entry.into()).expected_last_subject_sequence(0);
        let stored = match self.jetstream.send_publish(subjects::handoff(code.locator()), message).await {
            Ok(answer) => answer.await.map(drop),
            Err(error) => Err(error),
        };
        let Err(failure) = stored else { return Ok(true) };
        // Either another session's entry, or this one, whose acknowledgement was lost.
        match self.find(code).await? {
            Some(found) => Ok(found == Address::session(agent, session)),
            None => Err(Error::unavailable(failure)),
        }
    }

    /// Finds the session that a code leads to, if any; the session decides whether the code is valid.
    pub async fn find(&self, code: &HandoffCode) -> Result<Option<Address>, Error> {
        let stream = self.jetstream.get_stream_no_info(subjects::HANDOFFS).await.map_err(Error::unavailable)?;
        match stream.get_last_raw_message_by_subject(&subjects::handoff(code.locator())).await {
            Ok(message) => {
                let corrupt = || Error::Corrupt {
                    subject: message.subject.to_string(),
                    sequence: message.sequence,
                    reason: "it names no session".to_owned(),
                };
                let (agent, session) = message.payload.split_first_chunk().ok_or_else(corrupt)?;
                let session = session.try_into().map_err(|_| corrupt())?;
                Ok(Some(Address::session(AgentId::new(*agent), SessionId::new(session))))
            }
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                RawMessageErrorKind::JetStream(_) | RawMessageErrorKind::InvalidSubject | RawMessageErrorKind::Other => {
                    Err(Error::unavailable(error))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_read_however_a_person_writes_it() {
        let code = HandoffCode::parse("7GH0-1K2M").unwrap();
        for written in ["7gh01k2m", " 7GH0 1K2M ", "7ghO-lk2m", "7-G-H-o-I-k-2-m"] {
            assert_eq!(HandoffCode::parse(written).as_ref(), Some(&code), "{written}");
        }
        for wrong in ["", "7GH01K2", "7GH01K2MM", "7GH01K2U", "7GH01K2é", "7GH0_1K2M"] {
            assert_eq!(HandoffCode::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{code:?}"), "HandoffCode(..)");
    }

    #[test]
    fn what_is_drawn_reads_back() {
        for _ in 0..100 {
            let code = HandoffCode::draw();
            assert_eq!(HandoffCode::parse(code.as_str()), Some(code));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _read = HandoffCode::parse(&text);
        }
    }
}
