//! Who gives a command, and, where that is an agent's key, what it has read: nothing is said past unread words.

use domain::session::{Command, EventPosition};
use nats::Actor;

/// Who gives a command that says something in a session.
#[derive(Debug, Clone, Copy)]
pub struct Issuer {
    /// Who it is.
    pub actor: Actor,
    /// The last event that it has read; none speaks whatever is unread.
    pub read: Option<EventPosition>,
}

impl From<Actor> for Issuer {
    fn from(actor: Actor) -> Self {
        Self { actor, read: None }
    }
}

impl Issuer {
    /// Binds a command to what was read.
    pub(crate) fn bind(&self, command: Command) -> Command {
        match self.read {
            Some(read) => Command::IfRead { read, command: Box::new(command) },
            None => command,
        }
    }
}
