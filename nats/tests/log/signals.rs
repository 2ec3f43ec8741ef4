use bytes::Bytes;
use futures_util::StreamExt;

use crate::world::{World, agent, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_reaches_who_listens_now_and_is_in_no_log() {
    let world = World::start().await;
    let (here, there) = (world.backbone().await, world.backbone().await);
    let shard = here.shard_of(agent(1));
    let mut signals = here.ephemeral_subscribe(shard).await.unwrap();
    // The answer to a question comes after what was asked for before it: the subscription stands.
    here.end(shard).await.unwrap();
    there.ephemeral_publish(&session(1), Bytes::from_static(b"typing")).await.unwrap();
    assert_eq!(signals.next().await.unwrap(), (session(1), Bytes::from_static(b"typing")));
    assert_eq!(here.end(shard).await.unwrap(), 0);
}
