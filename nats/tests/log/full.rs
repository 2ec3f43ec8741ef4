use domain::session::{EndReason, Event, Session};
use nats::{AppendError, Backbone, Head, Options, Reserve};

use crate::world::{World, append, command, commit, session};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_tenth_of_the_log_is_kept_for_endings() {
    let world = World::start().await;
    let backbone = Backbone::connect(Options { shard_bytes: 200_000, ..world.options() }).await.unwrap();
    let store = backbone.store();
    let mut head = Head::default();
    for n in 0.. {
        match append(&store, session(1), n, &head).await {
            Ok(next) => head = next,
            Err(AppendError::Full) => break,
            Err(error) => panic!("{error}"),
        }
    }
    let share = backbone.fullness().await.unwrap();
    assert!((0.88..=0.92).contains(&share), "{share}");

    let mut endings = 0;
    loop {
        let ended = Event::Ended { reason: EndReason::ChatterLeft };
        let ending = commit(command(session(1), 1_000_000 + endings), &head, vec![ended]);
        match store.append::<Session>(session(1), &head, &ending, Reserve::Ending).await {
            Ok(next) => head = next,
            Err(AppendError::Full) => break,
            Err(error) => panic!("{error}"),
        }
        endings += 1;
    }
    assert!(endings > 20, "{endings}");
    assert!(backbone.fullness().await.unwrap() > 0.99);
    // Everything can still be read.
    assert_eq!(store.load::<Session>(session(1), &Head::default()).await.unwrap().last().unwrap().head, head);
}
