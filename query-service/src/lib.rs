//! Reads Postgres rows: as fresh as requested, only what the viewer may see, with the texts opened.
//!
//! [`Queries`] is the interface. Every read is one transaction under the viewer's own role (`role.rs`), of one snapshot that knows
//! how fresh it is (`freshness.rs`); texts are opened after it has ended, with one vault for each owner (`vaults.rs`).

mod agents;
mod analytics;
mod answers;
mod clock;
mod columns;
mod error;
mod events;
mod freshness;
mod joinable;
mod key_use;
mod link_lists;
mod links;
mod news;
mod open_sessions;
mod opening;
mod page;
mod progress;
mod reached;
mod receipts;
mod reports;
mod role;
mod scopes;
mod session_lists;
mod sessions;
mod unacknowledged;
mod unfinished;
mod unread;
mod vaults;

use std::sync::Arc;

use nats::{Backbone, Shard};
use sqlx::PgPool;

use reached::Reached;

pub use agents::{AgentView, KeyView};
pub use analytics::{Analytics, Day, Spread};
pub use answers::LinkAnswers;
pub use error::{Error, EventsError};
pub use events::{EventPage, Filter, Range, Scope};
pub use freshness::{Answer, Freshness};
pub use joinable::JoinableLink;
pub use key_use::KeyUse;
pub use links::{LinkCounts, LinkQuestions, LinkView, Opened};
pub use news::News;
pub use open_sessions::{OpenSession, OpenSessions, Party};
pub use opening::Chatter;
pub use page::Page;
pub use progress::Progress;
pub use receipts::ReceiptPosition;
pub use reports::ReportedChat;
pub use role::Viewer;
pub use scopes::ScopeView;
pub use session_lists::SessionFilter;
pub use sessions::{SessionStatus, SessionView};
pub use unfinished::Unfinished;
pub use unread::Unread;
pub use vaults::{PlainText, Vaults};

/// All queries; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queries {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    backbone: Backbone,
    reached: Reached,
}

impl Queries {
    /// Reads the rows of `pool`, which were projected from the log of `backbone`.
    pub fn new(pool: PgPool, backbone: Backbone) -> Self {
        let reached = Reached::new(backbone.shards());
        Self { inner: Arc::new(Inner { pool, backbone, reached }) }
    }

    /// Takes in that a shard's rows include a commit, as the projector of this process says once it is committed: whoever waits for it goes
    /// on at once. Beside a projector of another process nobody says so, and the rows are looked at again and again.
    pub fn tell_reached(&self, shard: Shard, sequence: u64) {
        self.inner.reached.tell(shard, sequence);
    }
}
