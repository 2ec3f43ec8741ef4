use domain::session::Session;
use nats::{Hash, Head};

use crate::world::{World, append, fill, session};

#[tokio::test(flavor = "multi_thread")]
async fn appends_and_feeds_go_on_after_the_server_is_killed() {
    let mut world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(session(1).agent);
    let store = backbone.store();
    let mut feed = backbone.feed(shard, 0, Hash::default());
    let writer = tokio::spawn(async move {
        let mut head = fill(&store, session(1), 100).await;
        for n in 100..600 {
            head = append(&store, session(1), n, &head).await.unwrap();
        }
        head
    });
    let mut sequences = Vec::new();
    for kill_at in [50, 200, 400, usize::MAX] {
        while sequences.len() < kill_at.min(600) {
            sequences.extend(feed.next(10).await.unwrap().into_iter().map(|message| message.sequence()));
        }
        if kill_at < 600 {
            world = world.kill_and_restart().await;
        }
    }
    assert_eq!(sequences, (1..=600).collect::<Vec<_>>());
    let head = writer.await.unwrap();
    let all = backbone.store().load::<Session>(session(1), &Head::default()).await.unwrap();
    assert_eq!((all.len(), all.last().unwrap().head), (600, head));
    assert_eq!(backbone.verify(shard, &[]).await.unwrap().commits, 600);
}
