use nats::{Error, Secrets};

use crate::world::{World, mark, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_takes_over_and_the_old_wrapping_is_in_no_file() {
    let (world, mut secrets) = (World::start().await, Secrets::generate());
    let before = world.backbone(&secrets).await;
    let mut marks = Vec::new();
    for n in 0..20 {
        marks.push(mark(&before.keys().create(session(n)).await.unwrap()));
    }
    let operator = world.operator().await;
    let old = operator.wrapped(session(7)).await;

    secrets.rotate_master();
    let after = world.backbone(&secrets).await;
    marks.push(mark(&after.keys().create(session(20)).await.unwrap()));
    assert_eq!(after.keys().rewrap().await.unwrap(), 20);
    assert!(!world.is_on_disk(&old));
    assert_eq!(operator.messages().await, 21);
    assert_eq!(after.keys().rewrap().await.unwrap(), 0);

    secrets.retire_masters();
    let alone = world.backbone(&secrets).await;
    for (n, mark_before) in (0..).zip(marks) {
        assert_eq!(mark(&alone.keys().get(session(n)).await.unwrap().unwrap()), mark_before);
    }
    // Whoever still has the old ring sees that something is wrong, and takes nothing for erased.
    before.keys().forget(session(7)).await;
    assert!(matches!(before.keys().get(session(7)).await, Err(Error::Corrupt { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrap_that_was_broken_off_is_finished_by_the_next() {
    let (world, mut secrets) = (World::start().await, Secrets::generate());
    let before = world.backbone(&secrets).await;
    let key = mark(&before.keys().create(session(1)).await.unwrap());
    let operator = world.operator().await;
    let old = operator.wrapped(session(1)).await;
    secrets.rotate_master();
    let after = world.backbone(&secrets).await;
    after.keys().rewrap().await.unwrap();
    let new = operator.wrapped(session(1)).await;

    // The new form was appended, and then the power failed.
    operator.purge().await;
    operator.put(session(1), old.clone()).await;
    operator.put(session(1), new.clone()).await;
    assert_eq!(after.keys().rewrap().await.unwrap(), 1);
    assert_eq!(operator.messages().await, 1);
    assert_eq!(operator.wrapped(session(1)).await, new);
    after.keys().forget(session(1)).await;
    assert_eq!(mark(&after.keys().get(session(1)).await.unwrap().unwrap()), key);
}

#[tokio::test(flavor = "multi_thread")]
async fn rewrapping_brings_no_destroyed_key_back() {
    let (world, mut secrets) = (World::start().await, Secrets::generate());
    for _ in 0..10 {
        let before = world.backbone(&secrets).await;
        for n in 0..10 {
            before.keys().create(session(n)).await.unwrap();
        }
        secrets.rotate_master();
        let (one, other) = (world.backbone(&secrets).await, world.backbone(&secrets).await);
        let rewraps = [one.clone(), other].map(|process| tokio::spawn(async move { process.keys().rewrap().await }));
        for n in 0..10 {
            one.keys().destroy(session(n)).await.unwrap();
        }
        for rewrap in rewraps {
            // Whoever comes second finds that the other, or the end, was there first, and goes on.
            rewrap.await.unwrap().unwrap();
        }
        assert_eq!(world.operator().await.messages().await, 0);
    }
}
