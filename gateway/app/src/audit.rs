//! What the audit is told of a request that was refused. Handlers note what a request is about as soon as they know it for certain;
//! whether it was refused is seen in one place, from its answer.

use std::cell::Cell;

use domain::{AgentId, KeyId, LinkId, SessionId};
use nats::AuditedRefusal;
use problem::Code;

use crate::{App, Client};

tokio::task_local! {
    static ABOUT: Cell<About>;
}

/// What is known of a request: proven by a tag or a signature, not only claimed.
#[derive(Debug, Clone, Copy, Default)]
pub struct About {
    /// The agent.
    pub agent: Option<AgentId>,
    /// The key that was presented.
    pub key: Option<KeyId>,
    /// The link whose token was presented.
    pub link: Option<LinkId>,
    /// The session whose credential was presented.
    pub session: Option<SessionId>,
}

/// Carries out a request, and returns what was noted of it.
pub async fn observed<F: Future>(request: F) -> (F::Output, About) {
    let noted = async { (request.await, ABOUT.with(Cell::get)) };
    ABOUT.scope(Cell::new(About::default()), noted).await
}

/// Notes what the request under way is about; does nothing outside of one.
pub fn about(known: impl FnOnce(&mut About)) {
    let _outside = ABOUT.try_with(|about| {
        let mut now = about.get();
        known(&mut now);
        about.set(now);
    });
}

impl App {
    /// Tells the audit of a refusal, where it is one for security; it never waits.
    pub fn refused(&self, code: Code, door: String, about: About, client: Client) {
        if code.is_audited() {
            let About { agent, key, link, session } = about;
            let refused = AuditedRefusal { code: code.as_str(), door, agent, key, link, session };
            self.backbone().audit().refused(refused, Some(client.0));
        }
    }
}
