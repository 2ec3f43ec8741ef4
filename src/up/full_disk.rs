//! Heals a nats-server that cannot write: once its disk was full it refuses for good, also where there is room again, until it starts
//! anew.

use std::path::PathBuf;
use std::time::Duration;

use gateway::Probes;
use nats::{Backbone, WriteFailure};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

/// How often it is looked whether there is something to heal.
const EVERY: Duration = Duration::from_secs(1);
/// A disk with less room than this is full: a server that starts there writes some files before it serves.
const ROOM: u64 = 16 << 20;
/// The pauses between new starts that did not heal double from the first to the second.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Watches whether the log can be written to, for as long as it is polled.
pub(super) struct Healer {
    folder: PathBuf,
    anew: mpsc::Sender<String>,
    wrong: watch::Sender<Option<String>>,
}

impl Healer {
    /// Makes a healer of the server with files in `folder`, and adds to what readiness tells.
    pub(super) fn new(folder: PathBuf, anew: mpsc::Sender<String>, probes: Probes) -> (Self, Probes) {
        let (wrong, told) = watch::channel(None::<String>);
        let probes = probes.with("disk", move || std::future::ready(told.borrow().clone().map_or(Ok(None), Err)));
        (Self { folder, anew, wrong }, probes)
    }

    pub(super) async fn run(self, backbone: Backbone) {
        let (mut next, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            sleep(EVERY).await;
            let free = match servers::free(&self.folder) {
                Ok(free) => free,
                Err(error) => {
                    tracing::warn!(%error, "the room on the disk is not known");
                    continue;
                }
            };
            let failure = backbone.write_failure();
            // It stays full for whoever asks, whether or not anybody tries to write meanwhile.
            let was_full = self.wrong.borrow().is_some();
            let is_full = free < ROOM && (failure.is_some() || was_full);
            self.wrong.send_if_modified(|wrong| {
                let now = is_full.then(|| format!("the disk of the data folder has {free} bytes left: free some"));
                let changes = *wrong != now;
                *wrong = now;
                changes
            });
            let Some(WriteFailure { stream, why, .. }) = failure else {
                (next, pause) = (Instant::now(), FIRST_PAUSE);
                continue;
            };
            if is_full || Instant::now() < next {
                continue;
            }
            let asked = format!("{stream} cannot be written to ({why}), and the disk has {free} bytes of room");
            if self.anew.try_send(asked).is_ok() {
                (next, pause) = (Instant::now() + pause, pause.saturating_mul(2).min(LONGEST_PAUSE));
            }
        }
    }
}
