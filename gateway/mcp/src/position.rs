//! Acknowledged positions: how far a key has read in each session.
//!
//! A position is durable as the session's own read mark, and moves only when the key passes `after` or sends. A session takes one
//! mark a second; what comes sooner is late, and written when it is welcome.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use command_service::{Principal, Refusal};
use domain::session::{EventPosition, Reader, Rejection};
use domain::{Address, AgentId, KeyId, Timestamp};
use events::NEWS;
use futures_util::{StreamExt, stream};
use nats::Position;
use parking_lot::Mutex;
use query_service::{Scope, Unread};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::given::Reading;

/// How many marks may be late at once; beyond that one is not written, and what it acknowledged is given again.
const LATE: usize = 10_000;
/// How many pages of sessions one cursor may acknowledge; the rest is acknowledged with the next.
const PAGES: usize = 20;
/// How many sessions are marked at once.
const AT_ONCE: usize = 8;
/// How long a call waits for late marks.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// The acknowledged positions, as far as they are not in the log yet or need not be.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// Marks that were too soon.
    late: Mutex<HashMap<Reading, EventPosition>>,
    written: Notify,
}

impl Positions {
    /// Returns up to where a key has acknowledged a session whose mark is not written yet.
    pub(super) fn late(&self, reading: Reading) -> Option<EventPosition> {
        self.late.lock().get(&reading).copied()
    }

    /// Acknowledges everything of a scope up to a position: every session with something new up to there gets its mark.
    pub(super) async fn acknowledge(self: &Arc<Self>, app: &App, principal: &Principal, scope: Scope, upto: Position) {
        let (agent, key, viewer) = (principal.agent, principal.key, App::viewer(principal));
        for _ in 0..PAGES {
            let fresh = app.freshness_from(agent, upto.sequence);
            let unread = match app.queries().unread(viewer, scope, key, NEWS, upto, fresh).await {
                Ok(answer) => answer.value,
                Err(error) => {
                    tracing::warn!(%error, "what a cursor acknowledges could not be read; it is given again");
                    return;
                }
            };
            let on_time = stream::iter(unread.items)
                .map(|Unread { session, upto: last }| {
                    // A cursor may stand within a commit.
                    let is_last = last == upto.sequence;
                    let last = if is_last { upto.into() } else { last.into() };
                    self.mark(app, Reading { agent, key, session }, last)
                })
                .buffer_unordered(AT_ONCE)
                .fold(0, async |count, on_time| count + usize::from(on_time))
                .await;
            if !unread.has_more || on_time == 0 {
                return;
            }
        }
    }

    /// Acknowledges one session up to an event.
    pub(super) async fn acknowledge_session(self: &Arc<Self>, app: &App, reading: Reading, upto: EventPosition) {
        self.mark(app, reading, upto).await;
    }

    /// Waits until no mark of a key is late in a scope, so that its rows say what it has acknowledged there.
    pub(super) async fn settled(&self, agent: AgentId, key: KeyId, scope: Scope) {
        let is_meant = |reading: &Reading| {
            let is_within = match scope {
                Scope::Session(session) => reading.session == session,
                // Which sessions are a link's is not known here.
                Scope::Agent | Scope::Link(_) => true,
            };
            reading.agent == agent && reading.key == key && is_within
        };
        let settle = async {
            loop {
                let written = self.written.notified();
                if !self.late.lock().keys().any(is_meant) {
                    return;
                }
                written.await;
            }
        };
        if timeout(PATIENCE, settle).await.is_err() {
            tracing::debug!("read marks are still late; what they acknowledge is given again");
        }
    }

    /// Writes a mark now or, where that is too soon, later; tells whether it was now.
    async fn mark(self: &Arc<Self>, app: &App, reading: Reading, upto: EventPosition) -> bool {
        if let Some(late) = self.late.lock().get_mut(&reading) {
            *late = upto.max(*late);
            return false;
        }
        match write(app, reading, upto).await {
            MarkOutcome::Done => true,
            MarkOutcome::TooSoon(retry_at) => {
                self.write_later(app.clone(), reading, upto, retry_at);
                false
            }
        }
    }

    fn write_later(self: &Arc<Self>, app: App, reading: Reading, upto: EventPosition, retry_at: Timestamp) {
        {
            let mut late = self.late.lock();
            if late.len() >= LATE || late.contains_key(&reading) {
                return;
            }
            late.insert(reading, upto);
        }
        let positions = Arc::clone(self);
        tokio::spawn(async move {
            let mut retry_at = retry_at;
            loop {
                let wait = retry_at - command_service::clock::now();
                tokio::time::sleep(Duration::from_millis(u64::try_from(wait.0).unwrap_or(0))).await;
                let upto = positions.late.lock().get(&reading).copied().unwrap_or(upto);
                match write(&app, reading, upto).await {
                    MarkOutcome::TooSoon(again) => retry_at = again,
                    MarkOutcome::Done => {
                        let mut late = positions.late.lock();
                        // It may have moved on meanwhile.
                        if late.get(&reading).is_none_or(|latest| *latest <= upto) {
                            late.remove(&reading);
                            break;
                        }
                    }
                }
            }
            positions.written.notify_waiters();
        });
    }
}

/// What became of a mark.
enum MarkOutcome {
    /// It stands, or there is no use in trying again.
    Done,
    /// The session had one a moment ago.
    TooSoon(Timestamp),
}

async fn write(app: &App, reading: Reading, upto: EventPosition) -> MarkOutcome {
    let address = Address::session(reading.agent, reading.session);
    match app.commands().mark_read(address, Reader::Agent(reading.key), upto).await {
        Ok(receipt) => app.wrote(reading.agent, &receipt),
        Err(Refusal::Session(Rejection::ReadTooSoon { retry_at })) => return MarkOutcome::TooSoon(retry_at),
        Err(Refusal::Session(Rejection::Erased | Rejection::Unknown)) => {}
        Err(error) => tracing::warn!(%error, "a read mark could not be written; what it acknowledges is given again"),
    }
    MarkOutcome::Done
}

#[cfg(test)]
mod tests {
    use domain::SessionId;

    use super::*;

    const READING: Reading = Reading { agent: AgentId::new([1; 16]), key: KeyId::new([2; 16]), session: SessionId::new([3; 16]) };

    #[tokio::test]
    async fn a_key_without_late_marks_waits_for_nobody() {
        let positions = Positions::default();
        positions.late.lock().insert(READING, 1.into());
        positions.settled(READING.agent, KeyId::new([9; 16]), Scope::Agent).await;
        positions.settled(READING.agent, READING.key, Scope::Session(SessionId::new([9; 16]))).await;
    }
}
