use domain::session::Session;
use domain::{Address, SessionId};
use nats::{Error, Hash, Head, Reserve, VerifyError};

use crate::world::{World, agent, command, commit, fill, posted, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_shard_verifies_and_tells_its_head() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(agent(1));
    let empty = backbone.verify(shard, &[]).await.unwrap();
    assert_eq!((empty.sequence, empty.running), (0, Hash::default()));

    fill(&backbone.store(), session(1), 4).await;
    fill(&backbone.store(), Address::session(agent(1), SessionId::new([2; 16])), 3).await;
    let verified = backbone.verify(shard, &[]).await.unwrap();
    assert_eq!((verified.commits, verified.events, verified.aggregates, verified.sequence), (7, 7, 2, 7));
    assert_eq!(verified.epoch, backbone.epoch(shard));
    assert_eq!(backbone.verify(shard, &[]).await.unwrap(), verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_commit_is_found() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let head = fill(&backbone.store(), session(1), 4).await;
    let forged = Head { hash: Hash([1; 32]), ..head };
    let commit = commit(command(session(1), 9), &forged, vec![posted("never said")]);
    backbone.store().append::<Session>(session(1), &forged, &commit, Reserve::Ordinary).await.unwrap();
    let error = backbone.verify(backbone.shard_of(agent(1)), &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Log(Error::ChainBroken { sequence: 5, .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_taken_out_of_the_middle_is_missed() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(agent(1));
    fill(&backbone.store(), session(1), 4).await;
    let stream = world.jetstream().await.get_stream(format!("EVENTS-{shard}")).await.unwrap();
    assert!(stream.delete_message(2).await.is_err(), "the stream denies deletion");
    stream.purge().sequence(3).await.unwrap();
    let error = backbone.verify(shard, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unrecorded { count: 2, first: 1, last: 2, .. }), "{error}");
    stream.purge().await.unwrap();
    let error = backbone.verify(shard, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unrecorded { count: 4, first: 1, last: 4, .. }), "{error}");
}
