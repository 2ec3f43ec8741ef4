//! What people type to get in, and others may guess.

use domain::LinkId;

/// What is guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guessable {
    /// A link's passcode.
    Passcode(LinkId),
    /// Any hand-off code: nothing else says which session it leads to.
    HandoffCode,
}
