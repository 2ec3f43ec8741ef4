use domain::session::Session;
use domain::{Address, LinkId, SessionId};
use nats::{AnyEvent, Head, Position, Scope};

use crate::world::{World, agent, fill, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_loaded_in_pages() {
    let world = World::start().await;
    let store = world.backbone().await.store();
    let head = fill(&store, session(1), 2_300).await;
    let all = store.load::<Session>(session(1), &Head::default()).await.unwrap();
    assert_eq!(all.len(), 2_300);
    assert_eq!(all.last().unwrap().head, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_reads_an_agents_commits_between_two_places() {
    let world = World::start().await;
    let store = world.backbone().await.store();
    let others = Address::session(agent(1), SessionId::new([77; 16]));
    fill(&store, session(1), 5).await;
    fill(&store, others, 5).await;
    let last = fill(&store, Address::link(agent(1), LinkId::new([3; 16])), 0).await;
    assert_eq!(last, Head::default());

    let sequences = async |scope, after, upto, limit| -> Vec<u64> {
        store.scan(scope, after, upto, limit).await.unwrap().iter().map(|recorded| recorded.sequence).collect()
    };
    assert_eq!(sequences(Scope::Agent(agent(1)), 0, 10, 100).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(sequences(Scope::Agent(agent(1)), 3, 8, 100).await, [4, 5, 6, 7, 8]);
    assert_eq!(sequences(Scope::Agent(agent(1)), 3, 8, 2).await, [4, 5]);
    assert_eq!(sequences(Scope::Aggregate(others), 0, 8, 100).await, [6, 7, 8]);
    assert_eq!(sequences(Scope::Aggregate(others), 10, 10, 100).await, [] as [u64; 0]);
    assert_eq!(sequences(Scope::Agent(agent(2)), 0, 10, 100).await, [] as [u64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_a_commit_has_a_place_of_its_own() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let store = backbone.store();
    let commit = crate::world::commit(
        crate::world::command(session(1), 0),
        &Head::default(),
        vec![crate::world::posted("one"), crate::world::posted("two")],
    );
    store.append::<Session>(session(1), &Head::default(), &commit, nats::Reserve::Ordinary).await.unwrap();
    let recorded = store.scan(Scope::Aggregate(session(1)), 0, 1, 10).await.unwrap().remove(0);
    let facts: Vec<_> = recorded.facts().collect();
    let shard = backbone.shard_of(agent(1));
    assert_eq!(
        facts.iter().map(|fact| fact.position).collect::<Vec<_>>(),
        [0, 1].map(|index| Position { shard, sequence: 1, index })
    );
    assert_ne!(facts[0].id(), facts[1].id());
    assert_eq!(facts[1].event, AnyEvent::Session(crate::world::posted("two")));
    assert_eq!((facts[0].link, facts[0].command), (commit.link, commit.id));
}
