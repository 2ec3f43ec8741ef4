use std::sync::Arc;

use super::world::{Pen, World, agent, at, hear_until, next, posted, session};
use crate::bounds::Bounds;
use crate::{Delivery, Hub, Subscription, Topic};

/// Hears what is there, until nothing is.
fn heard(subscription: &mut Subscription) -> Vec<u64> {
    let mut sequences = Vec::new();
    while let Some(delivery) = subscription.try_next() {
        match delivery {
            Delivery::Entry(entry, _) => sequences.push(entry.sequence()),
            Delivery::Signal(..) | Delivery::AgentChanged => {}
            Delivery::Reset | Delivery::Closed => break,
        }
    }
    sequences
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_is_cut_off_and_resumes_and_nobody_else_notices() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::within(Bounds { queue: 8, ring: 4, ..Bounds::default() }, world.backbone().await);
    let topic = Topic::Session(session(1, 0));
    let mut slow = hub.subscribe(topic, None).await.unwrap();
    let mut quick = hub.subscribe(topic, None).await.unwrap();
    let first = pen.post(session(1, 0), 1).await;
    assert_eq!(hear_until(&mut slow, at(first, 0)).await, [at(first, 0)]);
    for n in 0..20 {
        let sequence = pen.post(session(1, 0), 1).await;
        let begun = if n == 0 { vec![at(first, 0), at(sequence, 0)] } else { vec![at(sequence, 0)] };
        assert_eq!(hear_until(&mut quick, at(sequence, 0)).await, begun);
    }
    assert!(matches!(next(&mut slow).await, Delivery::Closed));
    let position = slow.at();
    assert_eq!(position, at(first, 0));
    drop(slow);
    let mut resumed = hub.subscribe(topic, Some(position)).await.unwrap();
    let rest: Vec<_> = (first + 1..=first + 20).map(|sequence| at(sequence, 0)).collect();
    assert_eq!(hear_until(&mut resumed, at(first + 20, 0)).await, rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_bounded_by_its_bytes_too_and_takes_one_commit_of_any_length() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::within(Bounds { queue_bytes: 4_000, ..Bounds::default() }, world.backbone().await);
    let (long, many) = (session(1, 0), session(1, 2));
    let mut of_long = hub.subscribe(Topic::Session(long), None).await.unwrap();
    let mut of_many = hub.subscribe(Topic::Session(many), None).await.unwrap();
    let mut all = hub.subscribe(Topic::Agent(agent(1)), None).await.unwrap();
    let sequence = pen.write(long, vec![posted(9_000)]).await;
    hear_until(&mut all, at(sequence, 0)).await;
    for _ in 0..8 {
        let sequence = pen.write(many, vec![posted(1_000)]).await;
        hear_until(&mut all, at(sequence, 0)).await;
    }
    assert_eq!(heard(&mut of_long), [1]);
    assert!(matches!(of_many.try_next(), Some(Delivery::Closed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_is_bounded_by_its_bytes_too() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::within(Bounds { ring_bytes: 10_000, ..Bounds::default() }, world.backbone().await);
    let mut all = hub.subscribe(Topic::Agent(agent(1)), None).await.unwrap();
    for bytes in [3_000, 3_000, 3_000, 3_000, 20_000, 3_000] {
        let sequence = pen.write(session(1, 0), vec![posted(bytes)]).await;
        hear_until(&mut all, at(sequence, 0)).await;
    }
    // One that is longer than the whole ring is not kept, and what is before it neither.
    for (position, in_ring) in [(at(5, 0), false), (at(6, 0), true)] {
        let mut back = hub.subscribe(Topic::Session(session(1, 0)), Some(position)).await.unwrap();
        assert_eq!(back.is_caught_up(), in_ring);
        let sequence = pen.write(session(1, 0), vec![posted(30)]).await;
        assert_eq!(hear_until(&mut back, at(sequence, 0)).await.first(), Some(&at(position.sequence + 1, 0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_missed_more_than_a_queue_should_begin_with_reads_the_log() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::within(Bounds { queue: 8, ..Bounds::default() }, world.backbone().await);
    let mut all = hub.subscribe(Topic::Agent(agent(1)), None).await.unwrap();
    for _ in 0..9 {
        let sequence = pen.post(session(1, 0), 1).await;
        hear_until(&mut all, at(sequence, 0)).await;
    }
    for (position, from_queue) in [(at(4, 0), false), (at(5, 0), true)] {
        let mut back = hub.subscribe(Topic::Session(session(1, 0)), Some(position)).await.unwrap();
        assert_eq!(back.is_caught_up(), from_queue);
        let rest: Vec<_> = (position.sequence + 1..=9).map(|sequence| at(sequence, 0)).collect();
        assert_eq!(hear_until(&mut back, at(9, 0)).await, rest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_session_s_many_viewers_the_oldest_goes() {
    let world = World::start().await;
    let hub = Hub::within(Bounds { viewers: 3, ..Bounds::default() }, world.backbone().await);
    let mut viewers = Vec::new();
    let mut reader = hub.subscribe(Topic::Session(session(1, 0)), None).await.unwrap();
    for _ in 0..5 {
        viewers.push(hub.view(session(1, 0), at(0, 0)).await.unwrap());
    }
    hub.view(session(1, 1), at(0, 0)).await.unwrap();
    for (n, viewer) in viewers.iter_mut().enumerate() {
        // Nothing is missed by them: they read an empty log first.
        assert!(viewer.next_missed().await.is_none());
        assert_eq!(matches!(viewer.try_next(), Some(Delivery::Closed)), n < 2, "viewer {n}");
    }
    assert!(reader.try_next().is_none(), "who only reads is none of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_one_for_all_who_hear_it() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(world.backbone().await);
    let mut one = hub.subscribe(Topic::Session(session(1, 0)), None).await.unwrap();
    let mut two = hub.subscribe(Topic::Agent(agent(1)), None).await.unwrap();
    let sequence = pen.post(session(1, 0), 1).await;
    let (first, _) = super::world::entry(&mut one).await;
    let (second, _) = super::world::entry(&mut two).await;
    let mut late = hub.subscribe(Topic::Session(session(1, 0)), Some(at(sequence - 1, 0))).await.unwrap();
    // Before the first commit nothing is in the ring's reach but by the log.
    pen.post(session(1, 0), 1).await;
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(hear_until(&mut late, at(2, 0)).await, [at(1, 0), at(2, 0)]);
}
