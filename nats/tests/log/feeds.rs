use std::time::Duration;

use nats::{AppendError, Backbone, Feed, FeedError, Hash, Head};
use tokio::time::timeout;

use crate::world::{World, agent, append, fill, session};

/// Reads until `count` commits have come.
async fn read(feed: &mut Feed, count: usize) -> Vec<nats::Recorded> {
    let mut all = Vec::new();
    while all.len() < count {
        let messages = timeout(Duration::from_mins(2), feed.next(7)).await.expect("the feed goes on").unwrap();
        all.extend(messages.into_iter().filter_map(nats::Message::commit));
    }
    all
}

fn sequences(recorded: &[nats::Recorded]) -> Vec<u64> {
    recorded.iter().map(|recorded| recorded.sequence).collect()
}

fn feed(backbone: &Backbone) -> Feed {
    backbone.feed(backbone.shard_of(agent(1)), 0, Hash::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_gives_what_was_there_and_what_comes() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let mut head = fill(&backbone.store(), session(1), 20).await;
    let mut feed = feed(&backbone);
    assert_eq!(sequences(&read(&mut feed, 20).await), (1..=20).collect::<Vec<_>>());
    for n in 20..23 {
        head = append(&backbone.store(), session(1), n, &head).await.unwrap();
        assert_eq!(sequences(&read(&mut feed, 1).await), [n + 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_gives_no_more_than_asked_and_loses_nothing_when_a_wait_is_dropped() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    fill(&backbone.store(), session(1), 20).await;
    let mut feed = feed(&backbone);
    let mut all = Vec::new();
    while all.len() < 20 {
        if let Ok(came) = timeout(Duration::from_micros(300), feed.next(3)).await {
            let came = came.unwrap();
            assert!(came.len() <= 3);
            all.extend(came.into_iter().filter_map(nats::Message::commit));
        }
    }
    assert_eq!(sequences(&all), (1..=20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_hash_goes_on_where_a_reader_left_off() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    fill(&backbone.store(), session(1), 9).await;
    let whole = read(&mut feed(&backbone), 9).await;
    let mut second = backbone.feed(backbone.shard_of(agent(1)), 5, whole[4].running);
    let rest = read(&mut second, 4).await;
    assert_eq!(rest[3].running, whole[8].running);
    let verified = backbone.verify(backbone.shard_of(agent(1)), &[]).await.unwrap();
    assert_eq!((verified.sequence, verified.running, verified.aggregates), (9, whole[8].running, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_outlives_its_consumer() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let store = backbone.store();
    let mut head = fill(&store, session(1), 5).await;
    let mut feed = feed(&backbone);
    read(&mut feed, 5).await;
    let name = format!("EVENTS-{}", backbone.shard_of(agent(1)));
    let stream = world.jetstream().await.get_stream(name).await.unwrap();
    for n in 5..8 {
        for consumer in consumers(&stream).await {
            stream.delete_consumer(&consumer).await.unwrap();
        }
        head = append(&store, session(1), n, &head).await.unwrap();
        assert_eq!(sequences(&read(&mut feed, 1).await), [n + 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_feed_leaves_no_consumer() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    fill(&backbone.store(), session(1), 1).await;
    let mut feed = feed(&backbone);
    read(&mut feed, 1).await;
    let name = format!("EVENTS-{}", backbone.shard_of(agent(1)));
    let stream = world.jetstream().await.get_stream(name).await.unwrap();
    assert_eq!(consumers(&stream).await.len(), 1);
    drop(feed);
    while !consumers(&stream).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_steps_over_a_purged_aggregate_and_over_nothing_else() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let store = backbone.store();
    let other = domain::Address::session(agent(1), domain::SessionId::new([50; 16]));
    fill(&store, session(1), 3).await;
    fill(&store, other, 3).await;
    let shard = backbone.shard_of(agent(1));
    let stream = world.jetstream().await.get_stream(format!("EVENTS-{shard}")).await.unwrap();
    stream.purge().filter(format!("event.{shard}.*.session.{}", domain::SessionId::new([1; 16]))).await.unwrap();
    assert_eq!(sequences(&read(&mut feed(&backbone), 3).await), [4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_stream_of_the_same_name_ends_the_feed() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    fill(&backbone.store(), session(1), 3).await;
    let mut feed = feed(&backbone);
    read(&mut feed, 3).await;
    let jetstream = world.jetstream().await;
    for shard in backbone.shards() {
        jetstream.delete_stream(format!("EVENTS-{shard}")).await.unwrap();
    }
    let again = world.backbone().await;
    let shard = again.shard_of(agent(1));
    assert_ne!(again.epoch(shard), backbone.epoch(shard));
    let ended = timeout(Duration::from_mins(2), feed.next(1)).await.unwrap().unwrap_err();
    assert!(matches!(ended, FeedError::OtherEpoch(_)), "{ended}");
    assert!(matches!(backbone.end(shard).await.unwrap_err(), nats::Error::OtherEpoch { .. }));
    assert!(backbone.fullness().await.is_err());
    let refused = append(&backbone.store(), session(1), 0, &Head::default()).await.unwrap_err();
    assert!(matches!(refused, AppendError::Broken(nats::Error::OtherEpoch { .. })), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_beyond_the_end_is_told() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    fill(&backbone.store(), session(1), 3).await;
    let mut ahead = backbone.feed(backbone.shard_of(agent(1)), 4, Hash::default());
    assert!(matches!(ahead.next(1).await.unwrap_err(), FeedError::AheadOfLog { after: 4, end: 3, .. }));
}

async fn consumers(stream: &async_nats::jetstream::stream::Stream) -> Vec<String> {
    use futures_util::TryStreamExt;
    stream.consumer_names().try_collect().await.unwrap()
}
