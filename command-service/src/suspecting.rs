//! Signs of abuse are found here, where a message can be read, and judged by the session, which cannot.

use std::time::{Duration, Instant};

use domain::abuse::{Reason, Signs, THRESHOLDS};
use domain::session::{Command, EndReason, Rejection};
use domain::{Address, AgentId, CommandId, LinkId, Target, link};
use nats::{Actor, DataKey};

use crate::executor::Request;
use crate::{Commands, Receipt, Refusal};

/// How old the state may be by which a door is closed: what was just appended here is in it.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

impl Commands {
    /// Looks at what became of a chatter's message: a flood is noted, and whoever is taken for an abuser is shut out. What cannot be done
    /// now is done with the next message.
    pub(crate) async fn watch(
        &self,
        session: Address,
        message: CommandId,
        has_signs: bool,
        posted: Result<Receipt, Refusal>,
    ) -> Result<Receipt, Refusal> {
        let Target::Session(id) = session.target else { return posted };
        match &posted {
            Ok(_) => {
                self.inner.floods.note_accepted(id, message);
                if has_signs {
                    self.shut_out_if_closed(session).await;
                }
            }
            Err(Refusal::Session(Rejection::RateLimited { .. } | Rejection::ProofRequired { .. })) => {
                if let Some(messages) = self.inner.floods.note_refused(id, message, Instant::now()) {
                    let noted = self.ask_session(session, Actor::Timer, Command::NoteFlood { messages }).await;
                    if let Err(error) = noted {
                        tracing::warn!(%error, "a flood could not be noted");
                    }
                    self.shut_out_if_closed(session).await;
                }
            }
            Err(Refusal::Session(Rejection::Abuse)) => {
                self.block(session, Actor::Timer, None).await?;
                return Err(Refusal::Session(Rejection::Ended { reason: EndReason::Blocked }));
            }
            Err(_) => {}
        }
        posted
    }

    /// Tells the agent, once a day, what strangers do to a link; nothing of a link that is closed.
    pub async fn notice_abuse(&self, agent: AgentId, link: LinkId, reason: Reason) -> Result<(), Refusal> {
        let command = link::Command::NoticeAbuse { reason };
        match self.send_link(Address::link(agent, link), Request::once(Actor::Timer, command)).await {
            Ok(_) | Err(Refusal::Link(link::Rejection::Unknown)) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    async fn shut_out_if_closed(&self, session: Address) {
        let is_closed = self.inner.sessions.look(session, SEEN_WITHIN, |root| root.state.suspicion.is_closed()).await;
        let shut_out = match is_closed {
            Ok(true) => self.block(session, Actor::Timer, None).await.map(|_| ()),
            Ok(false) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = shut_out {
            tracing::warn!(%error, "an abuser is not shut out yet");
        }
    }
}

/// Finds what can be told of a message without its words.
pub(crate) fn signs(key: &DataKey, text: &str) -> Option<Signs> {
    let likeness = text::likeness(text, THRESHOLDS.likeness_letters).map(|text| {
        let [a, b, c, d, ..] = *key.fingerprint(&[b"likeness", text.as_bytes()]).bytes();
        u32::from_be_bytes([a, b, c, d])
    });
    let addresses = text::count_addresses(text);
    (likeness.is_some() || addresses > 0).then_some(Signs { likeness, addresses })
}
