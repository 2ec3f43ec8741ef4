use domain::{KeyId, LinkId};
use events::Speaker;

use super::world::{Pen, World, agent, at, entry, hear_until, next, session};
use crate::bounds::Bounds;
use crate::{AgentState, Delivery, Hub, Signal, Topic};

const KEY: KeyId = KeyId::new([8; 16]);
const LINK: LinkId = LinkId::new([6; 16]);

/// Waits until the hub hears signals: what is told before is gone.
async fn listening(world: &World, hub: &Hub) -> Pen {
    let mut pen = Pen::new(world.backbone().await);
    let mut ears = hub.subscribe(Topic::Session(session(9, 9)), None).await.unwrap();
    let mut viewer = hub.view(session(9, 9), at(0, 0)).await.unwrap();
    assert!(viewer.next_missed().await.is_none());
    loop {
        hub.typing(session(9, 9), Speaker::Agent, true).await.unwrap();
        let sequence = pen.post(session(9, 9), 1).await;
        hear_until(&mut ears, at(sequence, 0)).await;
        // The server hands both on in the order in which they came to it, but on two ways.
        for _ in 0..10 {
            if let Some(Delivery::Signal(_)) = viewer.try_next() {
                return pen;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_does_is_told_to_those_who_look_at_its_sessions() {
    let world = World::start().await;
    let hub = Hub::new(world.backbone().await);
    let _pen = listening(&world, &hub).await;
    let mut mine = hub.view(session(1, 0), at(0, 0)).await.unwrap();
    let mut theirs = hub.view(session(2, 0), at(0, 0)).await.unwrap();
    let mut reader = hub.subscribe(Topic::Session(session(1, 0)), Some(at(0, 0))).await.unwrap();
    assert_eq!(hub.agent_state(agent(1), LINK, false), AgentState::Away);
    hub.agent_active(agent(1), None, KEY, true).await.unwrap();
    assert!(matches!(next(&mut mine).await, Delivery::Signal(Signal::Agent { listening: true, .. })));
    assert_eq!(hub.agent_state(agent(1), LINK, true), AgentState::Listening);
    hub.agent_active(agent(1), None, KEY, true).await.unwrap();
    hub.agent_active(agent(1), None, KEY, false).await.unwrap();
    // The second time was no news.
    assert!(matches!(next(&mut mine).await, Delivery::Signal(Signal::Agent { listening: false, .. })));
    assert_eq!(hub.agent_state(agent(1), LINK, true), AgentState::Thinking);
    assert_eq!(hub.agent_state(agent(1), LINK, false), AgentState::Online);
    assert!(theirs.next_missed().await.is_none() && reader.next_missed().await.is_none());
    assert!(theirs.try_next().is_none(), "another agent's");
    assert!(reader.try_next().is_none(), "who is no chatter is told nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_link_is_there_on_that_link_alone() {
    let world = World::start().await;
    let (hub, other) = (Hub::new(world.backbone().await), Hub::new(world.backbone().await));
    let _pen = listening(&world, &hub).await;
    let mut viewer = hub.view(session(1, 0), at(0, 0)).await.unwrap();
    other.agent_active(agent(1), Some(LINK), KEY, true).await.unwrap();
    assert!(matches!(next(&mut viewer).await, Delivery::Signal(Signal::Agent { listening: true, .. })));
    let elsewhere = LinkId::new([5; 16]);
    for hub in [&hub, &other] {
        assert_eq!(hub.agent_state(agent(1), LINK, true), AgentState::Listening);
        assert_eq!(hub.agent_state(agent(1), elsewhere, true), AgentState::Away);
    }
    // What the whole agent does counts everywhere.
    hub.agent_active(agent(1), None, KEY, false).await.unwrap();
    assert_eq!(hub.agent_state(agent(1), LINK, true), AgentState::Listening);
    assert_eq!(hub.agent_state(agent(1), elsewhere, true), AgentState::Thinking);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_types_is_heard_everywhere_and_types_no_more_once_they_have_spoken() {
    let world = World::start().await;
    let (hub, other) = (Hub::new(world.backbone().await), Hub::new(world.backbone().await));
    let mut pen = listening(&world, &hub).await;
    let mut viewer = hub.view(session(1, 0), at(0, 0)).await.unwrap();
    other.typing(session(1, 0), Speaker::Chatter, true).await.unwrap();
    other.typing(session(1, 0), Speaker::Agent, true).await.unwrap();
    // One's own typing is no news, but it is known.
    assert!(matches!(next(&mut viewer).await, Delivery::Signal(Signal::Typing { by: Speaker::Agent, typing: true })));
    assert!(hub.chatter_types(session(1, 0)) && hub.agent_types(session(1, 0)));
    assert!(!hub.chatter_types(session(1, 1)));
    pen.post(session(1, 0), 1).await;
    entry(&mut viewer).await;
    assert!(!hub.chatter_types(session(1, 0)) && hub.agent_types(session(1, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_take_no_room_from_commits() {
    let world = World::start().await;
    let hub = Hub::within(Bounds { queue: 32, ..Bounds::default() }, world.backbone().await);
    let mut pen = listening(&world, &hub).await;
    let mut busy = hub.view(session(1, 0), at(0, 0)).await.unwrap();
    assert!(busy.next_missed().await.is_none());
    let mut witness = hub.subscribe(Topic::Session(session(1, 0)), None).await.unwrap();
    for n in 0..1_000 {
        hub.typing(session(1, 0), Speaker::Agent, n % 2 == 0).await.unwrap();
    }
    let mut sequence = 0;
    for _ in 0..16 {
        sequence = pen.post(session(1, 0), 1).await;
        hear_until(&mut witness, at(sequence, 0)).await;
    }
    let mut commits = 0;
    while busy.at() < at(sequence, 0) {
        match next(&mut busy).await {
            Delivery::Entry(..) => commits += 1,
            Delivery::Signal(_) | Delivery::AgentChanged => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(commits, 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_chatter_s_own_connection_counts_as_theirs() {
    let world = World::start().await;
    let hub = Hub::new(world.backbone().await);
    let reader = hub.subscribe(Topic::Session(session(1, 0)), None).await.unwrap();
    assert!(!hub.chatter_online(session(1, 0)));
    let (first, second) = (hub.view(session(1, 0), at(0, 0)).await.unwrap(), hub.view(session(1, 0), at(0, 0)).await.unwrap());
    drop(first);
    assert!(hub.chatter_online(session(1, 0)));
    drop(second);
    assert!(!hub.chatter_online(session(1, 0)));
    drop(reader);
}
