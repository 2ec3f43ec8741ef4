mod claims;
mod closing;
mod duties;

use domain::{Millis, Target};

use crate::rows::{Rows, Running};
use crate::world::{Chat, Process, World};

const NOW: Millis = Millis(0);

/// A log, rows beside it, and a process that other processes' decisions are news to.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) process: Process,
    pub(super) rows: Rows,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let world = World::start().await;
        Self { process: world.process().await, world, rows: Rows::new().await }
    }

    pub(super) async fn schedule(&self, chat: Chat, target: Target, purpose: &str, left: Millis) {
        self.rows.schedule(&self.process.backbone, (chat.agent, chat.link), target, purpose, left).await;
    }

    pub(super) async fn for_session(&self, chat: Chat, purpose: &str) {
        self.schedule(chat, Target::Session(chat.session), purpose, NOW).await;
    }

    /// Starts a worker of a process of its own, on rows that have caught up.
    pub(super) async fn work(&self) -> Running {
        self.rows.caught_up(&self.process.backbone).await;
        self.rows.worker(&self.world.process().await.commands)
    }

    /// Lets a worker carry out `purpose` for a session, until nothing is left to do.
    pub(super) async fn carry_out(&self, chat: Chat, purpose: &str) {
        self.for_session(chat, purpose).await;
        let worker = self.work().await;
        self.rows.done(chat.session.bytes(), purpose).await;
        worker.stop().await;
    }
}
