use domain::session::Session;
use domain::{Address, LinkId, SessionId};
use nats::{AnyEvent, Head, Position, Scope};

use crate::world::{World, agent, append, fill, session};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_last_commits_of_many_aggregates_are_found_in_a_few_requests() {
    let world = World::start().await;
    let store = world.backbone().await.store();
    // More than one request may ask for, of both shards, and some that have nothing.
    let sessions: Vec<_> = (0..1_300_u16).map(|n| Address::session(agent(n.to_be_bytes()[1] % 8), id(n))).collect();
    let mut heads = std::collections::HashMap::new();
    for session in sessions.iter().skip(100) {
        heads.insert(*session, fill(&store, *session, 1).await);
    }
    let again = append(&store, sessions[700], 1, &heads[&sessions[700]]).await.unwrap();
    heads.insert(sessions[700], again);

    let last = store.last_of(&sessions).await.unwrap();
    assert_eq!(last.len(), 1_200);
    assert!(last.iter().all(|(address, last)| last.head == heads[address] && last.types == "session.message_posted"));
    assert_eq!(store.last(sessions[700]).await.unwrap().unwrap().head, again);
    assert_eq!(store.last_of(&[]).await.unwrap(), []);
    assert_eq!(store.last_of(&sessions[..100]).await.unwrap(), []);
}

fn id(n: u16) -> SessionId {
    let mut id = [9; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    SessionId::new(id)
}
