use std::collections::HashSet;

use domain::Address;
use nats::{Error, Secrets};

use crate::world::{World, link, mark, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stays_the_same_for_all_who_ask_and_through_a_crash() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let first = world.backbone(&secrets).await;
    assert!(first.keys().get(session(1)).await.unwrap().is_none());
    let key = mark(&first.keys().create(session(1)).await.unwrap());
    assert_eq!(mark(&first.keys().create(session(1)).await.unwrap()), key);

    let world = world.kill_and_restart().await;
    let second = world.backbone(&secrets).await;
    assert_eq!(mark(&second.keys().get(session(1)).await.unwrap().unwrap()), key);
    assert_eq!(mark(&second.keys().create(session(1)).await.unwrap()), key);
    assert_ne!(mark(&second.keys().create(session(2)).await.unwrap()), key);
}

#[tokio::test(flavor = "multi_thread")]
async fn creators_at_the_same_moment_agree() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let processes = [world.backbone(&secrets).await, world.backbone(&secrets).await];
    for owner in [session(1), session(2), link(1)] {
        let creations = (0..16).map(|n| {
            let process = processes[n % 2].clone();
            tokio::spawn(async move { mark(&process.keys().create(owner).await.unwrap()) })
        });
        let mut keys = HashSet::new();
        for creation in creations.collect::<Vec<_>>() {
            keys.insert(creation.await.unwrap());
        }
        assert_eq!(keys.len(), 1);
    }
    assert_eq!(world.operator().await.messages().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owners_of_all_keys_are_known() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    assert!(backbone.keys().owners().await.unwrap().is_empty());
    for owner in [session(1), link(2), session(3)] {
        backbone.keys().create(owner).await.unwrap();
    }
    backbone.keys().destroy(session(1)).await.unwrap();
    let owners: HashSet<Address> = backbone.keys().owners().await.unwrap().into_iter().collect();
    assert_eq!(owners, HashSet::from([link(2), session(3)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_there_and_is_no_key_of_this_owner_is_an_error_and_not_an_erasure() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    let operator = world.operator().await;
    backbone.keys().create(session(1)).await.unwrap();
    operator.put(session(2), operator.wrapped(session(1)).await).await;
    operator.put(session(3), "no key".into()).await;
    for owner in [session(2), session(3)] {
        assert!(matches!(backbone.keys().get(owner).await, Err(Error::Corrupt { .. })));
        assert!(matches!(backbone.keys().create(owner).await, Err(Error::Corrupt { .. })));
    }
    let stranger = world.backbone(&Secrets::generate()).await;
    assert!(matches!(stranger.keys().get(session(1)).await, Err(Error::Corrupt { .. })));
}
