use domain::session::Session;
use nats::{AppendError, Head, Reserve};

use crate::world::{World, append, command, commit, fill, posted, session};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_appended_is_loaded() {
    let world = World::start().await;
    let store = world.backbone().await.store();
    let first = commit(command(session(1), 0), &Head::default(), vec![posted("one"), posted("two")]);
    let head = store.append::<Session>(session(1), &Head::default(), &first, Reserve::Ordinary).await.unwrap();
    let second = commit(command(session(1), 1), &head, vec![posted("three")]);
    let last = store.append::<Session>(session(1), &head, &second, Reserve::Ordinary).await.unwrap();

    let all = store.load::<Session>(session(1), &Head::default()).await.unwrap();
    assert_eq!(all.iter().map(|stored| stored.head).collect::<Vec<_>>(), [head, last]);
    assert_eq!(all.into_iter().map(|stored| stored.commit).collect::<Vec<_>>(), [first, second.clone()]);
    let rest = store.load::<Session>(session(1), &head).await.unwrap();
    assert_eq!(rest.into_iter().map(|stored| stored.commit).collect::<Vec<_>>(), [second]);
    assert!(store.load::<Session>(session(1), &last).await.unwrap().is_empty());
    assert!(store.load::<Session>(session(2), &Head::default()).await.unwrap().is_empty());

    let told = store.last(session(1)).await.unwrap().unwrap();
    assert_eq!((told.head, told.command), (last, command(session(1), 1)));
    assert_eq!(store.last(session(2)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_of_many_writers_with_one_expectation_succeeds() {
    let world = World::start().await;
    let store = world.backbone().await.store();
    let head = fill(&store, session(1), 3).await;
    let writers = (0..32).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { append(&store, session(1), 100 + n, &head).await })
    });
    let mut wins = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => wins += 1,
            Err(AppendError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(wins, 1);
    assert_eq!(store.load::<Session>(session(1), &Head::default()).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_or_invented_expectation_is_a_conflict() {
    let world = World::start().await;
    let store = world.backbone().await.store();
    let head = fill(&store, session(1), 2).await;
    for sequence in [0, head.sequence - 1, head.sequence + 1000] {
        let stale = Head { sequence, ..head };
        assert!(matches!(append(&store, session(1), 9, &stale).await, Err(AppendError::Conflict)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_another_chain_is_not_loaded() {
    let world = World::start().await;
    let store = world.backbone().await.store();
    let head = fill(&store, session(1), 1).await;
    let forged = Head { hash: nats::Hash([1; 32]), ..head };
    append(&store, session(1), 1, &forged).await.unwrap();
    let error = store.load::<Session>(session(1), &Head::default()).await.unwrap_err();
    assert!(matches!(error, nats::Error::ChainBroken { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_carries_its_trace() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    nats::trace::with_parent(trace, fill(&backbone.store(), session(1), 1)).await;
    let stream = world.jetstream().await.get_stream(format!("EVENTS-{}", backbone.shard_of(session(1).agent))).await.unwrap();
    let message = stream.get_raw_message(1).await.unwrap();
    assert_eq!(message.headers.get("traceparent").unwrap().as_str(), trace);
    assert_eq!(message.headers.get("Event-Types").unwrap().as_str(), "session.message_posted");
    assert_eq!(message.headers.get("Schema-Version").unwrap().as_str(), "1");
    assert_eq!(message.headers.get("Command-Id").unwrap().as_str(), command(session(1), 0).to_string());
}
