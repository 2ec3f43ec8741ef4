//! Commits that cannot be read: a newer program's are passed over and noted, broken ones stop the shard.

use cqrs_es::DomainEvent;
use domain::session::{self as sessions, Session};
use domain::{Address, Aggregate, Policy, Timestamp};
use nats::Head;
use projector::Projector;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::dump::{everything, row};
use crate::story::{Story, agent, link, sealed, session};
use crate::world::World;

/// An agent as another program might know it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OtherAgent;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    /// What only a newer program knows.
    #[serde(rename = "agent.renamed")]
    Renamed { name: String },
    /// What every program knows, in another shape.
    #[serde(rename = "agent.registered")]
    Registered { number: u8 },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Renamed { .. } => "agent.renamed",
            Self::Registered { .. } => "agent.registered",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Aggregate for OtherAgent {
    const TYPE: &'static str = "agent";
    const REMEMBERS: Option<usize> = None;

    type Command = Event;
    type Event = Event;
    type Rejection = std::fmt::Error;

    fn decide(&self, command: &Event, _now: Timestamp, _policy: &Policy) -> Result<Vec<Event>, std::fmt::Error> {
        Ok(vec![command.clone()])
    }

    fn evolve(&mut self, _event: &Event, _at: Timestamp) {}

    fn must_remember(_event: &Event) -> bool {
        false
    }

    fn could_change(_rejection: &std::fmt::Error) -> bool {
        false
    }
}

async fn record(story: &mut Story, event: Event) {
    story.record::<OtherAgent>(Address::agent(agent(1)), None, &Head::default(), vec![event]).await;
}

fn newer() -> Event {
    Event::Renamed { name: "Grace".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_newer_program_is_passed_over() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    record(&mut story, newer()).await;
    story.start(link(1, 1), session(1, 1)).await;
    world.project().await;
    let letter =
        row(&world.pool, "SELECT to_jsonb(row) FROM (SELECT sequence, target_kind, types FROM dead_letter) AS row").await;
    assert_eq!(letter, json!({"sequence": 2, "target_kind": "agent", "types": "agent.renamed"}));
    let before = everything(&world.pool).await;
    assert_eq!((before["session"].len(), before["event"].len()), (1, 4));
    let shard = world.backbone.shard_of(agent(1));
    projector::rebuild(&world.backbone, &world.pool, shard, |_| ()).await.unwrap();
    assert_eq!(everything(&world.pool).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unknown_commit_among_more_than_one_batch_holds() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    story.start(link(1, 1), session(1, 1)).await;
    let mut head = story.head::<Session>(session(1, 1)).await;
    for n in 0..2_500 {
        if n == 1_500 {
            record(&mut story, newer()).await;
        }
        let said = sessions::Event::MessagePosted {
            from: sessions::Author::Chatter,
            text: sealed("hello"),
            kind: None,
            client_message_id: None,
            signs: None,
        };
        head = story.record::<Session>(session(1, 1), None, &head, vec![said]).await;
    }
    world.project().await;
    let before = everything(&world.pool).await;
    assert_eq!((before["dead_letter"].len(), before["event"].len()), (1, 2_504));
    assert_eq!(row(&world.pool, "SELECT to_jsonb(chatter_messages) FROM session").await, json!(2_500));
    let shard = world.backbone.shard_of(agent(1));
    projector::rebuild(&world.backbone, &world.pool, shard, |_| ()).await.unwrap();
    assert_eq!(everything(&world.pool).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_commit_may_be_the_unknown_one() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    record(&mut story, newer()).await;
    // Twice: reading on begins at that very commit.
    world.project().await;
    world.project().await;
    assert_eq!(everything(&world.pool).await["dead_letter"].len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_commit_stops_its_shard() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    record(&mut story, Event::Registered { number: 1 }).await;
    let stop = CancellationToken::new();
    let projector = Projector::start(&world.backbone, &world.pool, &stop);
    let shard = world.backbone.shard_of(agent(1));
    let standing = projector.reached(shard, 2).await;
    assert_eq!(standing.sequence, Some(1), "what comes before it is taken in");
    assert!(standing.stopped.unwrap().contains("sequence 2"));
    stop.cancel();
    projector.finished().await;
}
