use std::time::Duration;

use super::network::Network;
use super::world::{Pen, World, agent, at, entry, hear_until, next, session, until};
use crate::bounds::Bounds;
use crate::listener::{Closed, Listener, Role};
use crate::state::State;
use crate::{Delivery, Hub, HubError, Topic};

/// A hub that is not left for long.
fn impatient() -> Bounds {
    Bounds { lingers: Duration::from_millis(20), ..Bounds::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_consumer_serves_all_and_goes_when_all_are_gone() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::within(impatient(), world.backbone().await);
    for round in 0..2 {
        let mut all = Vec::new();
        for n in 0..50 {
            all.push(hub.subscribe(Topic::Session(session(1, n)), None).await.unwrap());
        }
        assert_eq!(hub.listeners(), 50);
        let sequence = pen.post(session(1, 7), 1).await;
        hear_until(&mut all[7], at(sequence, 0)).await;
        assert_eq!(world.consumers().await.len(), 1, "round {round}");
        drop(all);
        assert_eq!(hub.listeners(), 0);
        until("the consumer goes", async || world.consumers().await.is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_come_first_at_once_are_read_to_by_one() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(world.backbone().await);
    let come = (0..40).map(|n| {
        let hub = hub.clone();
        tokio::spawn(async move { hub.subscribe(Topic::Session(session(1, n)), Some(at(0, 0))).await.unwrap() })
    });
    let come: Vec<_> = come.collect();
    for (n, came) in (0..).zip(come) {
        let mut subscription = came.await.unwrap();
        let sequence = pen.post(session(1, n), 1).await;
        assert_eq!(hear_until(&mut subscription, at(sequence, 0)).await, [at(sequence, 0)]);
    }
    assert_eq!(world.consumers().await.len(), 1);
}

#[test]
fn a_former_reading_has_no_say_in_the_next() {
    let mut state = State::new(Bounds { lingers: Duration::ZERO, ..Bounds::default() });
    let (topic, listener) = (Topic::Agent(agent(1)), std::sync::Arc::new(Listener::new(Role::Reader)));
    let former = state.begin(5).unwrap();
    assert!(state.begin(6).is_none(), "one at a time");
    assert!(state.end_deserted(former));
    assert!(state.register(topic, &listener, None).is_none(), "nobody reads");
    let next = state.begin(9).unwrap();
    assert_eq!(state.register(topic, &listener, None).unwrap().horizon, 9);
    // The former one is still on its way out.
    state.end(former, Closed::Resume);
    assert!(!state.end_deserted(former));
    assert_eq!(listener.closed(), None);
    state.dispatch(former, Vec::new());
    assert!(state.begin(9).is_none(), "the next one still reads");
    state.end(next, Closed::Reset);
    assert_eq!(listener.closed(), Some(Closed::Reset));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_while_subscribing_leaves_nothing_behind() {
    let world = World::start().await;
    let hub = Hub::within(impatient(), world.backbone().await);
    for micros in (0..2_000).step_by(50) {
        // Ahead of the log: asks the leader once more after it is registered.
        let wait = hub.subscribe(Topic::Agent(agent(1)), Some(at(7, 0)));
        drop(tokio::time::timeout(Duration::from_micros(micros), wait).await);
        assert_eq!(hub.listeners(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_everyone_off_and_nothing_is_lost_by_it() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(world.backbone().await);
    let mut waits = hub.subscribe(Topic::Session(session(1, 0)), Some(at(0, 0))).await.unwrap();
    let mut reads = hub.subscribe(Topic::Agent(agent(2)), Some(at(0, 0))).await.unwrap();
    pen.post(session(1, 0), 2).await;
    let (first, after) = entry(&mut waits).await;
    assert_eq!((first.sequence(), after), (1, at(0, 0)));
    hub.stop().await;
    assert!(matches!(next(&mut waits).await, Delivery::Closed));
    assert!(matches!(next(&mut reads).await, Delivery::Closed));
    assert!(matches!(hub.subscribe(Topic::Agent(agent(1)), None).await.unwrap_err(), HubError::Stopping));
    hub.stop().await;
    drop((waits, reads));
    assert_eq!(hub.listeners(), 0);
    pen.post(session(1, 0), 1).await;
    let hub = Hub::new(world.backbone().await);
    let mut resumed = hub.subscribe(Topic::Session(session(1, 0)), Some(at(1, 0))).await.unwrap();
    assert_eq!(hear_until(&mut resumed, at(2, 0)).await, [at(1, 1), at(2, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_are_refused_and_come_in_when_others_have_left() {
    let world = World::start().await;
    let hub = Hub::within(Bounds { listeners: 2, ..Bounds::default() }, world.backbone().await);
    let subscribe = || hub.subscribe(Topic::Agent(agent(1)), None);
    let both = [subscribe().await.unwrap(), subscribe().await.unwrap()];
    assert!(matches!(subscribe().await.unwrap_err(), HubError::TooMany { limit: 2 }));
    drop(both);
    subscribe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_and_a_lost_consumer_are_not_noticed() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let network = Network::start(world.nats.port()).await;
    let hub = Hub::new(world.backbone_by_port(network.port).await);
    let mut subscription = hub.subscribe(Topic::Session(session(1, 0)), Some(at(0, 0))).await.unwrap();
    let stream = world.jetstream().await.get_stream("EVENTS-0").await.unwrap();
    for _ in 0..3 {
        let sequence = pen.post(session(1, 0), 2).await;
        network.cut();
        assert_eq!(hear_until(&mut subscription, at(sequence, 1)).await, [at(sequence, 0), at(sequence, 1)]);
        for consumer in world.consumers().await {
            stream.delete_consumer(&consumer).await.unwrap();
        }
        let sequence = pen.post(session(1, 0), 1).await;
        assert_eq!(hear_until(&mut subscription, at(sequence, 0)).await, [at(sequence, 0)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_under_the_same_name_resets_everyone() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(world.backbone().await);
    let topic = Topic::Session(session(1, 0));
    pen.post(session(1, 0), 1).await;
    let mut waits = hub.subscribe(topic, None).await.unwrap();
    let mut reads = hub.subscribe(topic, Some(at(0, 0))).await.unwrap();
    // The reading stands, on the first log.
    let sequence = pen.post(session(1, 0), 1).await;
    hear_until(&mut waits, at(sequence, 0)).await;
    let jetstream = world.jetstream().await;
    jetstream.delete_stream("EVENTS-0").await.unwrap();
    let mut pen = Pen::new(world.backbone().await);
    pen.post(session(1, 0), 3).await;
    assert!(matches!(next(&mut waits).await, Delivery::Reset));
    // Nothing of the new log is taken for what was missed of the old one.
    let told = next(&mut reads).await;
    assert!(matches!(told, Delivery::Reset), "{told:?}");
    let refused = hub.subscribe(topic, None).await.unwrap_err();
    assert!(matches!(refused, HubError::Unavailable(nats::Error::OtherEpoch { .. })), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_a_newer_program_stops_nobody_whom_it_does_not_concern() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(world.backbone().await);
    let mut concerned = hub.subscribe(Topic::Link(agent(1), super::world::link(0)), None).await.unwrap();
    let mut other = hub.subscribe(Topic::Session(session(1, 2)), None).await.unwrap();
    let jetstream = world.jetstream().await;
    let stream = jetstream.get_stream("EVENTS-0").await.unwrap();
    pen.post(session(1, 0), 1).await;
    hear_until(&mut concerned, at(1, 0)).await;
    let stored = stream.get_raw_message(1).await.unwrap();
    let mut headers = stored.headers.clone();
    headers.insert("Event-Types", "session.danced");
    headers.insert("Nats-Expected-Last-Subject-Sequence", "1");
    let body = String::from_utf8_lossy(&stored.payload).into_owned();
    assert!(body.contains("session.message_posted"));
    // The same length, so that the rest of the body still fits.
    let name = stored.payload.windows(22).position(|window| window == b"session.message_posted").unwrap();
    let mut payload = stored.payload.to_vec();
    payload[name..name + 22].copy_from_slice(b"session.message_danced");
    headers.insert("Event-Types", "session.message_danced");
    jetstream.publish_with_headers(stored.subject, headers, payload.into()).await.unwrap().await.unwrap();
    assert!(matches!(next(&mut concerned).await, Delivery::Closed));
    let sequence = pen.post(session(1, 2), 1).await;
    assert_eq!(hear_until(&mut other, at(sequence, 0)).await, [at(3, 0)]);
    // Whoever comes back with a place before it is not told half of it: the log says no.
    let mut back = hub.subscribe(Topic::Session(session(1, 0)), Some(at(1, 0))).await.unwrap();
    assert!(matches!(next(&mut back).await, Delivery::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_confirms_states_as_long_as_somebody_listens() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let backbone = world.backbone().await;
    let hub = Hub::within(impatient(), backbone.clone());
    let mut subscription = hub.subscribe(Topic::Session(session(1, 0)), None).await.unwrap();
    let mark = backbone.mark(session(1, 0));
    let sequence = pen.post(session(1, 0), 1).await;
    hear_until(&mut subscription, at(sequence, 0)).await;
    assert!(backbone.has_newer(session(1, 0), 0));
    assert!(!backbone.has_newer(session(1, 0), sequence) && !backbone.has_newer(session(1, 1), 0));
    let confirmed = async |n, head| backbone.confirm(session(1, n), head, mark, Duration::from_hours(1)).await.is_some();
    assert!(confirmed(1, 0).await && confirmed(0, sequence).await && !confirmed(0, 0).await);
    drop(subscription);
    until("the hub reads no more", async || !confirmed(1, 0).await).await;
}
