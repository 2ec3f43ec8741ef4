//! Signs the heads of the log every five minutes and keeps them in a file outside the log.

pub(crate) mod file;

use std::time::Duration;

use anyhow::Result;
use domain::Millis;
use nats::{Backbone, HeadError, Shard, SignedHead};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::Config;
use file::HeadsFile;

/// How often heads are signed.
const EVERY: Duration = Duration::from_mins(5);
/// A head that another process on the same file has signed within this time is new enough.
const NEW_FOR: Millis = Millis::seconds(4 * 60);
/// How long a start waits for the first heads; a long log whose head was never signed is read once, beside what is served.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// What came of signing each shard's head.
pub(crate) type Signed = Vec<(Shard, Result<SignedHead, HeadError>)>;

/// Signs heads into a file.
#[derive(Debug, Clone)]
pub(crate) struct HeadKeeper {
    backbone: Backbone,
    file: HeadsFile,
}

impl HeadKeeper {
    pub(crate) fn new(config: &Config, backbone: &Backbone) -> Self {
        Self { backbone: backbone.clone(), file: HeadsFile::of(config) }
    }

    /// Signs the head of every shard that continues its newest signed head; the others are told, and nothing is signed for them.
    pub(crate) async fn sign(&self) -> Result<Signed> {
        self.sign_older_than(Millis::seconds(0)).await
    }

    /// Compares every shard with its newest signed head, and signs nothing.
    pub(crate) async fn compare(&self) -> Result<Vec<HeadError>> {
        let newest = self.file.newest(self.backbone.signer())?;
        let mut faults = Vec::new();
        for (shard, head) in newest {
            if let Err(error) = self.backbone.shard_head(shard, Some(&head.head)).await {
                faults.push(error);
            }
        }
        Ok(faults)
    }

    /// Compares every shard with its newest signed head, and signs where that is older than `age`.
    async fn sign_older_than(&self, age: Millis) -> Result<Signed> {
        let file = self.file.clone();
        // Another process may be at it.
        let lock = tokio::task::spawn_blocking(move || file.lock()).await??;
        let mut newest = self.file.newest(self.backbone.signer())?;
        let (mut signed, mut new) = (Signed::new(), Vec::new());
        for shard in self.backbone.shards() {
            let known = newest.remove(&shard);
            let outcome =
                self.backbone.shard_head(shard, known.as_ref().map(|known| &known.head)).await.map(|head| match known {
                    Some(known) if command_service::clock::now() - known.at < age => known,
                    Some(_) | None => {
                        let head = SignedHead::new(self.backbone.signer(), head);
                        new.push(head.clone());
                        head
                    }
                });
            signed.push((shard, outcome));
        }
        self.file.append(&lock, &new)?;
        Ok(signed)
    }

    /// Signs in the background, for as long as it is not dropped; waits for the first time, but not long.
    pub(crate) async fn start(self) -> impl Future<Output = ()> + Send + 'static {
        let (began, first) = oneshot::channel();
        let task = tokio::spawn(self.run(began));
        let _late_or_done = timeout(FIRST_WITHIN, first).await;
        let abort = AbortOnDrop(task.abort_handle());
        async move {
            let _abort = abort;
            let _ended = task.await;
        }
    }

    async fn run(self, began: oneshot::Sender<()>) {
        let mut began = Some(began);
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sign_and_note().await;
            if let Some(began) = began.take() {
                let _nobody_waits = began.send(());
            }
        }
    }

    /// Signs, and lets the gateway know what there is to show and to warn of.
    async fn sign_and_note(&self) {
        let heads = self.backbone.heads();
        let signed = match self.sign_older_than(NEW_FOR).await {
            Ok(signed) => signed,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the heads of the log could not be signed");
                heads.note_failure(Some(format!("{error:#}")));
                return;
            }
        };
        heads.note_failure(None);
        for (shard, outcome) in signed {
            match outcome {
                Ok(head) => heads.note(head),
                Err(error) if error.is_passing() => tracing::warn!(%shard, %error, "the head of a shard could not be read"),
                Err(error) => {
                    if heads.note_contradiction(shard, &error.to_string()) {
                        tracing::error!(%shard, %error, "the log contradicts its signed head");
                    }
                }
            }
        }
    }
}

/// Ends a task with its owner.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Warns an operator who makes rows of a log that is not the one whose heads were signed.
pub(crate) async fn warn_of_contradictions(config: &Config, backbone: &Backbone) {
    let faults = match HeadKeeper::new(config, backbone).compare().await {
        Ok(faults) => faults.iter().map(ToString::to_string).collect(),
        Err(error) => vec![format!("the log cannot be compared with its signed heads: {error:#}")],
    };
    for fault in faults {
        tracing::error!(fault, "rows are made of a log that contradicts its signed heads, or has none to be compared with");
        crate::output::note(format_args!("warning: {fault}"));
    }
}
