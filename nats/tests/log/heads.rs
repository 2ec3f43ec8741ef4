use domain::{Address, SessionId};
use nats::{Hash, HeadError, VerifyError};

use crate::world::{World, agent, fill, session};

fn other() -> Address {
    Address::session(agent(1), SessionId::new([50; 16]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_goes_on_from_an_earlier_one_and_is_the_same_as_from_the_beginning() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(agent(1));
    let empty = backbone.shard_head(shard, None).await.unwrap();
    assert_eq!((empty.sequence, empty.running, empty.epoch), (0, Hash::default(), backbone.epoch(shard)));
    fill(&backbone.store(), session(1), 4).await;
    let earlier = backbone.shard_head(shard, Some(&empty)).await.unwrap();
    fill(&backbone.store(), other(), 3).await;
    let later = backbone.shard_head(shard, Some(&earlier)).await.unwrap();
    let verified = backbone.verify(shard, &[4]).await.unwrap();
    assert_eq!((earlier.sequence, earlier.running), (4, verified.running_at[&4]));
    assert_eq!((later.sequence, later.running), (7, verified.running));
    assert_eq!(backbone.shard_head(shard, None).await.unwrap(), later);
    assert_eq!(backbone.shard_head(shard, Some(&later)).await.unwrap(), later, "nothing new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_does_not_continue_its_head_gets_no_other() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(agent(1));
    fill(&backbone.store(), session(1), 4).await;
    let head = backbone.shard_head(shard, None).await.unwrap();
    let longer = nats::ShardHead { sequence: 9, ..head };
    let cut = backbone.shard_head(shard, Some(&longer)).await.unwrap_err();
    assert!(matches!(cut, HeadError::Cut { signed: 9, end: 4, .. }), "{cut}");
    let replaced = nats::ShardHead { leaf: Hash([1; 32]), ..head };
    let error = backbone.shard_head(shard, Some(&replaced)).await.unwrap_err();
    assert!(matches!(error, HeadError::OtherCommit { sequence: 4, .. }), "{error}");
    let elsewhere = nats::ShardHead { epoch: nats::Epoch([1; 16]), ..head };
    let error = backbone.shard_head(shard, Some(&elsewhere)).await.unwrap_err();
    assert!(matches!(error, HeadError::OtherEpoch { .. }), "{error}");
    // What came after the head and is gone again.
    fill(&backbone.store(), other(), 2).await;
    backbone.purge(other()).await.unwrap();
    let error = backbone.shard_head(shard, Some(&head)).await.unwrap_err();
    assert!(matches!(error, HeadError::NotWhole(VerifyError::Unrecorded { count: 2, first: 5, last: 6, .. })), "{error}");
    assert!(!error.is_passing());
}
