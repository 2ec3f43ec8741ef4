use nats::{Error, Secrets};

use crate::world::{World, link, mark, session};

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_destroyed_key_are_in_no_file() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    for n in 0..20 {
        backbone.keys().create(session(n)).await.unwrap();
    }
    let operator = world.operator().await;
    let (gone, kept) = (operator.wrapped(session(7)).await, operator.wrapped(session(8)).await);
    assert!(world.is_on_disk(&gone));

    backbone.keys().destroy(session(7)).await.unwrap();
    assert!(!world.is_on_disk(&gone));
    assert!(world.is_on_disk(&kept));

    let world = world.kill_and_restart().await;
    assert!(!world.is_on_disk(&gone));
    let backbone = world.backbone(&secrets).await;
    assert!(backbone.keys().get(session(7)).await.unwrap().is_none());
    assert!(backbone.keys().get(session(8)).await.unwrap().is_some());
}

/// Why a key is not just superseded.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_value_alone_would_leave_the_old_bytes() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    backbone.keys().create(session(1)).await.unwrap();
    backbone.keys().create(session(2)).await.unwrap();
    let operator = world.operator().await;
    let wrapped = operator.wrapped(session(1)).await;
    operator.put(session(1), "newer".into()).await;
    assert!(world.is_on_disk(&wrapped));
    backbone.keys().destroy(session(1)).await.unwrap();
    assert!(!world.is_on_disk(&wrapped));
}

#[tokio::test(flavor = "multi_thread")]
async fn destroying_again_or_together_or_nothing_is_the_same() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let processes = [world.backbone(&secrets).await, world.backbone(&secrets).await];
    for round in 0..10 {
        let owner = session(round);
        processes[0].keys().create(owner).await.unwrap();
        let destructions = (0..6).map(|n| {
            let process = processes[n % 2].clone();
            tokio::spawn(async move { process.keys().destroy(owner).await })
        });
        for destruction in destructions.collect::<Vec<_>>() {
            destruction.await.unwrap().unwrap();
        }
        assert!(processes[0].keys().get(owner).await.unwrap().is_none());
    }
    processes[0].keys().destroy(link(9)).await.unwrap();
    assert_eq!(world.operator().await.messages().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_under_way_does_not_bring_a_destroyed_key_back() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    for round in 0..50 {
        let owner = session(round);
        backbone.keys().create(owner).await.unwrap();
        backbone.keys().forget(owner).await;
        let reads = (0..8).map(|_| {
            let backbone = backbone.clone();
            tokio::spawn(async move { backbone.keys().get(owner).await.unwrap() })
        });
        let reads = reads.collect::<Vec<_>>();
        backbone.keys().destroy(owner).await.unwrap();
        assert!(backbone.keys().get(owner).await.unwrap().is_none());
        for read in reads {
            read.await.unwrap();
        }
        assert!(backbone.keys().get(owner).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_under_way_does_not_bring_the_old_key_back() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let processes = [world.backbone(&secrets).await, world.backbone(&secrets).await];
    for round in 0..30 {
        let owner = session(round);
        let old = mark(&processes[0].keys().create(owner).await.unwrap());
        let wrapped = world.operator().await.wrapped(owner).await;
        let other = processes[1].clone();
        let creation = tokio::spawn(async move { other.keys().create(owner).await });
        processes[0].keys().destroy(owner).await.unwrap();
        creation.await.unwrap().unwrap();
        processes[1].keys().forget(owner).await;
        // A creator who came after the end made a key that opens nothing; who came before it has what was there.
        let left = processes[1].keys().get(owner).await.unwrap();
        assert!(left.is_none_or(|key| mark(&key) != old));
        assert!(!world.is_on_disk(&wrapped));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_learns_of_the_end_when_it_forgets() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let (here, there) = (world.backbone(&secrets).await, world.backbone(&secrets).await);
    here.keys().create(session(1)).await.unwrap();
    assert!(there.keys().get(session(1)).await.unwrap().is_some());
    here.keys().destroy(session(1)).await.unwrap();
    there.keys().forget(session(1)).await;
    assert!(there.keys().get(session(1)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_not_taken_for_an_erasure() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    backbone.keys().create(session(1)).await.unwrap();
    backbone.keys().forget(session(1)).await;
    world.nats.kill_now().await;
    assert!(matches!(backbone.keys().get(session(1)).await, Err(Error::Unavailable(_))));
    assert!(matches!(backbone.keys().destroy(session(1)).await, Err(Error::Unavailable(_))));
    assert!(backbone.opener().vault(session(1)).await.is_err());
}
