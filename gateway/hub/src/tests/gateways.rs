//! Several gateways on one log: each knows who is there through the others.

use domain::{KeyId, LinkId};

use super::world::{World, agent, at, session, until};
use crate::{AgentState, Delivery, Hub, Signal, Subscription};

const KEY: KeyId = KeyId::new([8; 16]);
const LINK: LinkId = LinkId::new([6; 16]);

async fn view(hub: &Hub, n: u8) -> Subscription {
    hub.view(session(1, n), at(0, 0)).await.unwrap()
}

/// Waits until a gateway knows what another one has told up to now: it has told this later than all that.
async fn knows(hub: &Hub, of: &Hub, marker: u8) -> Subscription {
    let viewer = view(of, marker).await;
    until("the gateway knows", async || hub.chatter_online(session(1, marker))).await;
    viewer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chatter_is_online_at_whichever_gateway_they_are() {
    let world = World::start().await;
    let (hub, other) = (Hub::new(world.backbone().await), Hub::new(world.backbone().await));
    let first = view(&hub, 0).await;
    until("the other one is told", async || other.chatter_online(session(1, 0))).await;
    assert!(!other.chatter_online(session(1, 1)));
    drop(first);
    until("the other one is told", async || !other.chatter_online(session(1, 0))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_starts_later_asks_who_is_there() {
    let world = World::start().await;
    let hub = Hub::new(world.backbone().await);
    let _viewer = view(&hub, 0).await;
    hub.agent_active(agent(1), Some(LINK), KEY, true).await.unwrap();
    let late = Hub::new(world.backbone().await);
    until("it is told of the chatter", async || late.chatter_online(session(1, 0))).await;
    until("it is told of the agent", async || late.agent_state(agent(1), LINK, true) == AgentState::Listening).await;
    assert_eq!(late.agent_state(agent(1), LinkId::new([5; 16]), true), AgentState::Away);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_one_gateway_may_still_be_at_another() {
    let world = World::start().await;
    let (hub, other) = (Hub::new(world.backbone().await), Hub::new(world.backbone().await));
    let third = Hub::new(world.backbone().await);
    let (first, second) = (view(&hub, 0).await, view(&other, 0).await);
    let _markers = (knows(&third, &hub, 1).await, knows(&third, &other, 2).await);
    drop(first);
    let _marker = knows(&third, &hub, 3).await;
    assert!(third.chatter_online(session(1, 0)));
    drop(second);
    until("nobody is there", async || !third.chatter_online(session(1, 0))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_takes_its_chatters_with_it() {
    let world = World::start().await;
    let (hub, other) = (Hub::new(world.backbone().await), Hub::new(world.backbone().await));
    let _viewer = view(&hub, 0).await;
    until("the other one is told", async || other.chatter_online(session(1, 0))).await;
    hub.stop().await;
    until("the other one is told", async || !other.chatter_online(session(1, 0))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_waits_at_one_gateway_may_be_done_at_another() {
    let world = World::start().await;
    let (hub, other) = (Hub::new(world.backbone().await), Hub::new(world.backbone().await));
    let mut viewer = view(&hub, 0).await;
    let _known = (knows(&hub, &other, 1).await, knows(&other, &hub, 2).await);
    hub.agent_active(agent(1), None, KEY, true).await.unwrap();
    assert!(viewer.next_missed().await.is_none());
    // It may be that the hub does not receive signals yet.
    until("the agent is done at the other one", async || {
        for listening in [true, false] {
            other.agent_active(agent(1), None, KEY, listening).await.unwrap();
        }
        matches!(viewer.try_next(), Some(Delivery::Signal(Signal::Agent { listening: false, .. })))
    })
    .await;
    assert_eq!(hub.agent_state(agent(1), LINK, true), AgentState::Listening);
    hub.agent_active(agent(1), None, KEY, false).await.unwrap();
    until("it is done", async || hub.agent_state(agent(1), LINK, true) == AgentState::Thinking).await;
}
