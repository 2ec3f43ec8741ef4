//! Postgres rows to answers: as fresh as asked for, only what the asker may see, with the words opened.
//!
//! [`Queries`] is what may be asked. Every read is one transaction under the asker's own role (`role.rs`), of one snapshot that
//! proves how fresh it is (`freshness.rs`); only after it has ended are texts opened, with one vault an owner (`open.rs`).

mod agents;
mod analytics;
mod answers;
mod clock;
mod columns;
mod error;
mod events;
mod freshness;
mod joinable;
mod kept;
mod key_use;
mod links;
mod open;
mod open_sessions;
mod opening;
mod page;
mod progress;
mod role;
mod scopes;
mod sessions;
mod unacknowledged;

use std::sync::Arc;

use nats::Backbone;
use sqlx::PgPool;

pub use agents::{AgentView, KeyView};
pub use analytics::{Analytics, Day, Spread};
pub use answers::LinkAnswers;
pub use error::{Error, EventsError};
pub use events::{EventPage, Filter, Range, Scope};
pub use freshness::{Answer, Freshness};
pub use joinable::JoinableLink;
pub use kept::Kept;
pub use key_use::KeyUse;
pub use links::{LinkCounts, LinkQuestions, LinkView, Opened};
pub use open::{Vaults, Words};
pub use open_sessions::{OpenSession, OpenSessions, Party};
pub use page::Page;
pub use progress::Progress;
pub use role::Viewer;
pub use scopes::ScopeView;
pub use sessions::{SessionFilter, SessionStatus, SessionView};
pub use unacknowledged::Unread;

/// All that may be asked; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queries {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    backbone: Backbone,
}

impl Queries {
    /// Answers from the rows that `pool` connects to, which were made of the log of `backbone`.
    pub fn new(pool: PgPool, backbone: Backbone) -> Self {
        Self { inner: Arc::new(Inner { pool, backbone }) }
    }
}
