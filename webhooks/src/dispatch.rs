//! Gives every endpoint with something due a task of its own: a dead one holds up nobody but itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use follower::begin;
use sqlx::types::Uuid;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock;
use crate::deliver::Deliverer;
use crate::table::endpoint;

/// How often is looked for what falls due by itself, and for what another process left.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// Endpoints that are delivered to at once.
const AT_ONCE: usize = 256;
/// How many of them may be such as fail: the others have theirs.
const FAILING_AT_ONCE: usize = AT_ONCE / 2;

/// Delivers until told to stop; calls under way then are finished first.
pub(crate) async fn run(deliverer: Deliverer, news: Arc<Notify>) {
    let stop = deliverer.stop.clone();
    let mut dispatcher = Dispatcher { deliverer, tasks: JoinSet::new(), busy: HashMap::new() };
    let mut look = interval(LOOKS_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_broken = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = look.tick() => {}
            () = news.notified() => {}
            Some(ended) = dispatcher.tasks.join_next_with_id() => dispatcher.ended(ended.map_or_else(|error| error.id(), |(id, ())| id)),
        }
        let looked = dispatcher.look().await;
        if let Err(error) = &looked
            && !is_broken
        {
            // Said once, not twice a second.
            tracing::warn!(%error, "webhooks wait for PostgreSQL");
        }
        is_broken = looked.is_err();
    }
    while dispatcher.tasks.join_next().await.is_some() {}
}

struct Dispatcher {
    deliverer: Deliverer,
    tasks: JoinSet<()>,
    busy: HashMap<Id, Busy>,
}

/// An endpoint that has a task.
struct Busy {
    endpoint: Uuid,
    is_failing: bool,
}

impl Dispatcher {
    /// Starts a task for each endpoint that has something due and none yet.
    async fn look(&mut self) -> sqlx::Result<()> {
        let failing = self.busy.values().filter(|busy| busy.is_failing).count();
        let room = |of: usize, taken: usize| i64::try_from(of.saturating_sub(taken)).expect("a small number");
        let (most, failing) = (room(AT_ONCE, self.busy.len()), room(FAILING_AT_ONCE, failing));
        if most == 0 {
            return Ok(());
        }
        let busy: HashSet<Uuid> = self.busy.values().map(|busy| busy.endpoint).collect();
        let busy: Vec<Uuid> = busy.into_iter().collect();
        let mut transaction = begin(&self.deliverer.pool).await?;
        let due = endpoint::due(&mut transaction, clock::now(), &busy, most, failing.min(most)).await?;
        transaction.commit().await?;
        for due in due {
            let deliverer = self.deliverer.clone();
            let task = self.tasks.spawn(async move { deliverer.run(due.id).await });
            self.busy.insert(task.id(), Busy { endpoint: due.id, is_failing: due.is_failing });
        }
        Ok(())
    }

    fn ended(&mut self, task: Id) {
        self.busy.remove(&task);
    }
}
