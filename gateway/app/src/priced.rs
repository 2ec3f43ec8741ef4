//! What can cost proof of work: guesses at what people type to get in, coming in where somebody was shut out or a crowd came
//! out of one network, and each message where abuse is suspected.

use domain::{LinkId, SessionId};

/// What is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priced {
    /// A guess at a link's passcode.
    Passcode(LinkId),
    /// A guess at any hand-off code: nothing else says which session it leads to.
    HandoffCode,
    /// A newcomer to a link, from a network out of which somebody was shut out of it.
    Entry(LinkId),
    /// A newcomer to a link, from a network out of which many have come to it.
    Crowd(LinkId),
    /// A message of a chatter who is suspected of abuse.
    Message(SessionId),
}
