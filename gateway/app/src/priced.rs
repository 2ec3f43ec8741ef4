//! What can cost proof of work: guesses at what people type to get in, and coming in where somebody was shut out.

use domain::LinkId;

/// What is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priced {
    /// A guess at a link's passcode.
    Passcode(LinkId),
    /// A guess at any hand-off code: nothing else says which session it leads to.
    HandoffCode,
    /// A newcomer to a link, from a network out of which somebody was shut out of it.
    Entry(LinkId),
}
