use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::session::Session;
use futures_util::future::join_all;
use nats::{Backbone, Head, Options};

use crate::proxy::{self, Weather};
use crate::world::{World, command, fill, session};

const WRITERS: u8 = 40;
const COMMITS: u64 = 12;

/// Appends through a network with this weather, and finds every commit once and in order.
async fn nothing_is_lost_or_doubled(drop_every: u64, cut_every: u64) {
    let world = World::start().await;
    let weather = Arc::new(Weather::default());
    let port = proxy::start(world.nats.port(), Arc::clone(&weather)).await;
    let url = world.nats.url().replace(&format!(":{}", world.nats.port()), &format!(":{port}"));
    let behind = Backbone::connect(Options { url, ..world.options() }).await.unwrap();
    weather.drop_every.store(drop_every, Ordering::Relaxed);
    weather.cut_every.store(cut_every, Ordering::Relaxed);

    let store = behind.store();
    let heads = join_all((0..WRITERS).map(|n| fill(&store, session(n), COMMITS))).await;

    assert!(weather.lost.load(Ordering::Relaxed) > 10);
    let direct = world.backbone().await;
    for (n, head) in (0..WRITERS).zip(heads) {
        let all = direct.store().load::<Session>(session(n), &Head::default()).await.unwrap();
        let ids: Vec<_> = all.iter().map(|stored| stored.commit.id).collect();
        assert_eq!(ids, (0..COMMITS).map(|nth| command(session(n), nth)).collect::<Vec<_>>());
        assert_eq!(all.last().unwrap().head, head);
    }
    let mut commits = 0;
    for shard in direct.shards() {
        commits += direct.verify(shard, &[]).await.unwrap().commits;
    }
    assert_eq!(commits, u64::from(WRITERS) * COMMITS);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_whose_acknowledgement_is_dropped_are_stored_once() {
    nothing_is_lost_or_doubled(9, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_whose_connection_is_cut_are_stored_once() {
    nothing_is_lost_or_doubled(0, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_behind_a_lost_acknowledgement_is_told_as_one() {
    let world = World::start().await;
    let weather = Arc::new(Weather::default());
    let port = proxy::start(world.nats.port(), Arc::clone(&weather)).await;
    let url = world.nats.url().replace(&format!(":{}", world.nats.port()), &format!(":{port}"));
    let behind = Backbone::connect(Options { url, ..world.options() }).await.unwrap().store();
    let direct = world.backbone().await.store();
    fill(&direct, session(1), 1).await;
    // Every acknowledgement is lost, the refusal of this one too.
    weather.drop_every.store(1, Ordering::Relaxed);
    let refused = crate::world::append(&behind, session(1), 7, &Head::default()).await;
    assert!(matches!(refused, Err(nats::AppendError::Conflict)));
}
