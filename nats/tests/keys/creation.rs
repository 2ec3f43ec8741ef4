use std::collections::HashSet;

use nats::{Error, Secrets};

use crate::world::{World, link, mark, owners, session};

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
async fn the_owners_of_all_keys_are_known_page_by_page() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    assert!(owners(&backbone).await.is_empty());
    for owner in [session(1), link(2), session(3), session(4), session(5)] {
        backbone.keys().create(owner).await.unwrap();
    }
    backbone.keys().destroy(session(1)).await.unwrap();
    assert_eq!(owners(&backbone).await, [link(2), session(3), session(4), session(5)]);
    // A page goes on where the one before ended, whatever has gone since.
    let page = backbone.keys().page(0, 2).await.unwrap();
    assert!(!page.is_last && page.keys.iter().all(|key| key.is_of_this_log));
    backbone.keys().destroy(link(2)).await.unwrap();
    let rest = backbone.keys().page(page.keys[1].sequence, 2).await.unwrap();
    assert_eq!(rest.keys.iter().map(|key| key.owner).collect::<Vec<_>>(), [session(4), session(5)]);
    assert!(rest.is_last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_epoch_of_this_log_is_told_apart() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    world.operator().await.put(session(1), "made for another log".into()).await;
    assert!(!backbone.keys().page(0, 10).await.unwrap().keys[0].is_of_this_log);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_creation_stores_the_key_once_more_and_leaves_one_message() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let (backbone, other) = (world.backbone(&secrets).await, world.backbone(&secrets).await);
    let key = mark(&backbone.keys().create(session(1)).await.unwrap());
    let stored = backbone.keys().page(0, 10).await.unwrap().keys[0];
    // Whether it is cached or not.
    for creator in [&backbone, &other] {
        assert_eq!(mark(&creator.keys().create(session(1)).await.unwrap()), key);
    }
    let page = backbone.keys().page(0, 10).await.unwrap();
    assert!(page.keys.len() == 1 && page.keys[0].sequence > stored.sequence, "{page:?}");
    // Who takes the message that was there before takes nothing from the creation.
    assert!(backbone.keys().take(session(1), stored.sequence).await.unwrap().is_none());
    assert_eq!(mark(&other.keys().get(session(1)).await.unwrap().unwrap()), key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_can_be_put_back() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    let keys = backbone.keys();
    let key = keys.create(session(1)).await.unwrap();
    let stored = keys.page(0, 10).await.unwrap().keys[0];
    let taken = keys.take(session(1), stored.sequence).await.unwrap().unwrap();
    assert!(!keys.has(session(1), &key).await.unwrap());
    assert!(keys.get(session(1)).await.unwrap().is_none());
    // Both who raced may put it back, and another key may have come in between.
    let between = keys.create(session(1)).await.unwrap();
    assert_ne!(mark(&between), mark(&key));
    for again in [&taken, &key] {
        keys.put_back(session(1), again).await.unwrap();
        assert!(keys.has(session(1), &key).await.unwrap());
    }
    keys.forget(session(1)).await;
    assert_eq!(mark(&keys.get(session(1)).await.unwrap().unwrap()), mark(&key));
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
