//! What gateways tell each other while it counts: who types, who is there. None of it is stored, and the hub works on without it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::announcement::{Announcement, News};
use super::other_gateways::TOLD_EVERY;
use super::presence::Signal;
use super::shard::ShardHub;

/// How long to wait before a subscription that failed is tried again: at first, and at most.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(100)).with_max_delay(LONGEST_PAUSE).without_max_times();
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Exchanges what counts of a shard until the hub stops; also without listeners, since it must be known before the first request.
pub(super) fn start(hub: &Arc<ShardHub>) {
    let hub = Arc::clone(hub);
    hub.tasks.clone().spawn(async move {
        tokio::select! {
            () = hub.stop.cancelled() => tell(&hub, News::Leaves).await,
            never = receive_signals(&hub) => match never {},
            never = meet_gateways(&hub) => match never {},
        }
    });
}

/// Receives signals about sessions and agents.
async fn receive_signals(hub: &ShardHub) -> Infallible {
    let mut pauses = PAUSES.build();
    loop {
        match hub.backbone.ephemeral_subscribe(hub.shard).await {
            Ok(mut signals) => {
                while let Some((address, payload)) = signals.next().await {
                    match serde_json::from_slice::<Signal>(&payload) {
                        Ok(signal) => hub.state.lock().signal(address, signal),
                        Err(error) => tracing::debug!(%error, "a signal of another version was passed over"),
                    }
                }
            }
            Err(error) => tracing::warn!(shard = %hub.shard, %error, "the hub receives no signals for the moment"),
        }
        sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

/// Tells other gateways who is there through this one, and hears the same of them.
async fn meet_gateways(hub: &ShardHub) -> Infallible {
    let mut pauses = PAUSES.build();
    loop {
        match hub.backbone.presence_subscribe(hub.shard).await {
            Ok(announcements) => exchange(hub, announcements).await,
            Err(error) => tracing::warn!(shard = %hub.shard, %error, "the hub does not hear of other gateways for the moment"),
        }
        sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

/// Tells and hears until the subscription ends. One task tells everything, so that the last message about a session is right.
async fn exchange(hub: &ShardHub, mut announcements: impl Stream<Item = Bytes> + Unpin) {
    tell(hub, News::Asks).await;
    let mut beat = interval(TOLD_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            announcement = announcements.next() => {
                let Some(payload) = announcement else { return };
                if hear(hub, &payload) {
                    tell_all(hub).await;
                }
            }
            _ = beat.tick() => tell_all(hub).await,
            () = hub.viewers_changed.notified() => tell_changes(hub).await,
        }
    }
}

/// Takes in what a gateway tells; tells whether it waits for an answer.
fn hear(hub: &ShardHub, payload: &[u8]) -> bool {
    match serde_json::from_slice::<Announcement>(payload) {
        Ok(announcement) if announcement.gateway == hub.gateway => false,
        Ok(announcement) => hub.state.lock().hear(announcement),
        Err(error) => {
            tracing::debug!(%error, "an announcement of another version was passed over");
            false
        }
    }
}

async fn tell_all(hub: &ShardHub) {
    let all = hub.state.lock().all_news();
    for news in all {
        tell(hub, news).await;
    }
}

async fn tell_changes(hub: &ShardHub) {
    let changes = hub.state.lock().changed_news();
    for news in changes {
        tell(hub, news).await;
    }
}

async fn tell(hub: &ShardHub, news: News) {
    if !hub.backbone.is_connected() {
        // It would be sent when it is out of date.
        return;
    }
    let announcement = Announcement { gateway: hub.gateway, news };
    let payload = serde_json::to_vec(&announcement).expect("an announcement is plain values");
    if let Err(error) = hub.backbone.presence_publish(hub.shard, payload.into()).await {
        tracing::debug!(%error, "other gateways could not be told who is there");
    }
}
