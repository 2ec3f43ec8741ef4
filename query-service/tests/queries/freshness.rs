//! Read your writes, and no pretence where that cannot be had.

use std::time::{Duration, Instant};

use domain::agent::{Agent, Event};
use domain::{Address, CommandId, Fingerprint, Timestamp};
use nats::{Actor, Commit, Hash, Head, Reserve};
use query_service::Freshness;
use sqlx::AssertSqlSafe;

use crate::world::{World, agent, link};

#[tokio::test]
async fn an_answer_behind_the_log_says_so_after_two_seconds() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    world.reach(agent(1), 4).await;

    let fresh = world.queries.link(agent(1), link(1), Freshness::at_least(4)).await.unwrap();
    assert!(!fresh.stale && fresh.value.is_some());

    let asked = Instant::now();
    let stale = world.queries.link(agent(1), link(1), Freshness::at_least(5)).await.unwrap();
    assert!(stale.stale && stale.value.is_some());
    assert!(asked.elapsed() >= Duration::from_secs(2), "{:?}", asked.elapsed());

    // Rows of another log have not taken in anything of this one.
    world.sql("UPDATE checkpoint SET epoch = decode(repeat('ab', 16), 'hex')").await;
    assert!(world.queries.link(agent(1), link(1), Freshness::at_least(4)).await.unwrap().stale);
}

#[tokio::test]
async fn an_answer_comes_as_soon_as_the_rows_have_what_was_asked_for() {
    let world = World::start().await;
    world.reach(agent(1), 4).await;
    world.link(agent(1), link(1)).await;
    // A machine that is too busy for that now has a moment for it later.
    for sequence in 5..15 {
        // The projector writes the row and the checkpoint in one transaction: nobody sees one without the other.
        let mut projector = world.pool.begin().await.unwrap();
        sqlx::query(AssertSqlSafe(world.checkpoint(agent(1), sequence))).execute(&mut *projector).await.unwrap();
        let asked = Instant::now();
        let fresh = Freshness::at_least(sequence);
        let (answer, committed) = tokio::join!(world.queries.link(agent(1), link(1), fresh), projector.commit());
        committed.unwrap();
        let answer = answer.unwrap();
        assert!(answer.value.is_some());
        if !answer.stale && asked.elapsed() < Duration::from_secs(2) {
            return;
        }
    }
    panic!("every answer took as long as it may");
}

#[tokio::test]
async fn who_knows_no_position_gets_what_the_log_ended_with() {
    let world = World::start().await;
    let fresh = world.queries.agent(agent(1), Freshness::default()).await.unwrap();
    assert!(!fresh.stale, "an empty log asks for nothing");

    let commit = Commit {
        id: CommandId::new([1; 16]),
        fingerprint: Fingerprint::new([1; 16]),
        at: Timestamp(1),
        actor: Actor::Operator,
        link: None,
        previous: Hash::default(),
        events: vec![Event::Registered { name: "Ada".into() }],
    };
    let store = world.backbone.store();
    let head = store.append::<Agent>(Address::agent(agent(1)), &Head::default(), &commit, Reserve::Ordinary).await.unwrap();
    assert!(world.queries.agent(agent(1), Freshness::default()).await.unwrap().stale);

    world.reach(agent(1), head.sequence).await;
    assert!(!world.queries.agent(agent(1), Freshness::default()).await.unwrap().stale);
}
