use nats::Position;

use super::world::{Pen, World, agent, at, hear_until, link, next, session};
use crate::bounds::Bounds;
use crate::{Delivery, Hub, Topic};

const CHAT: fn() -> domain::Address = || session(1, 0);

/// Commits of 1, 2, 3, 1, .. events; returns all positions.
async fn written(pen: &mut Pen, commits: usize) -> Vec<Position> {
    let mut positions = Vec::new();
    for n in 0..commits {
        let events = 1 + n % 3;
        let sequence = pen.post(CHAT(), events).await;
        positions.extend((0..u16::try_from(events).unwrap()).map(|index| at(sequence, index)));
    }
    positions
}

/// Subscribes after every position there is, inside commits too, and hears exactly what follows.
async fn check(hub: &Hub, positions: &[Position]) {
    let last = *positions.last().unwrap();
    let cursors = [at(0, 0)].into_iter().chain(positions.iter().copied()).chain([at(2, u16::MAX)]);
    for cursor in cursors.filter(|cursor| *cursor < last) {
        let mut subscription = hub.subscribe(Topic::Session(CHAT()), Some(cursor)).await.unwrap();
        assert_eq!(subscription.at(), cursor);
        let expected: Vec<_> = positions.iter().copied().filter(|position| *position > cursor).collect();
        assert_eq!(hear_until(&mut subscription, last).await, expected, "after {cursor:?}");
        assert_eq!(subscription.at(), last);
        assert!(subscription.try_next().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_read_from_the_log() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let positions = written(&mut pen, 12).await;
    // Smaller pages than there are commits, and than fit evenly.
    let bounds = Bounds { page: 5, ..Bounds::default() };
    check(&Hub::within(bounds, world.backbone().await), &positions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_a_moment_ago_is_in_the_ring_as_far_as_that_goes() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    for ring in [1, 4, 64] {
        let bounds = Bounds { ring, ..Bounds::default() };
        let hub = Hub::within(bounds, world.backbone().await);
        let mut first = hub.subscribe(Topic::Agent(agent(1)), None).await.unwrap();
        let positions = written(&mut pen, 12).await;
        hear_until(&mut first, *positions.last().unwrap()).await;
        let from_first = positions[0].sequence - 1;
        // Every edge of the ring is met, at its lower end and at the horizon.
        for cursor in positions.iter().copied().chain([at(from_first, 9)]) {
            let mut subscription = hub.subscribe(Topic::Session(CHAT()), Some(cursor)).await.unwrap();
            let expected: Vec<_> = positions.iter().copied().filter(|position| *position > cursor).collect();
            let reads_log = !subscription.is_caught_up();
            let is_kept = cursor.sequence + u64::try_from(ring).unwrap() > positions.last().unwrap().sequence;
            let is_in_ring = is_kept && cursor.sequence > from_first;
            assert_eq!(reads_log, !is_in_ring, "{cursor:?} with a ring of {ring}");
            let Some(last) = expected.last() else {
                assert!(reads_log || subscription.try_next().is_none());
                continue;
            };
            assert_eq!(hear_until(&mut subscription, *last).await, expected, "after {cursor:?} with a ring of {ring}");
        }
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_follows_what_was_missed() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let mut positions = written(&mut pen, 4).await;
    let hub = Hub::new(world.backbone().await);
    let mut subscription = hub.subscribe(Topic::Session(CHAT()), Some(at(1, 0))).await.unwrap();
    // Registered, nothing read yet: this is in the queue before the log is asked.
    positions.extend(written(&mut pen, 4).await);
    let last = *positions.last().unwrap();
    assert_eq!(hear_until(&mut subscription, last).await, positions[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_now_on_means_nothing_of_before() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    written(&mut pen, 3).await;
    let hub = Hub::new(world.backbone().await);
    let mut subscription = hub.subscribe(Topic::Session(CHAT()), None).await.unwrap();
    assert_eq!(subscription.at(), at(3, u16::MAX));
    assert!(subscription.next_missed().await.is_none());
    let positions = written(&mut pen, 2).await;
    assert_eq!(hear_until(&mut subscription, *positions.last().unwrap()).await, positions);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_hears_their_own_and_nothing_else() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(world.backbone().await);
    let topics = [
        (Topic::Session(session(1, 2)), vec![2, 7]),
        (Topic::Link(agent(1), link(0)), vec![2, 4, 6, 7]),
        (Topic::Link(agent(1), link(1)), vec![1, 3]),
        (Topic::Agent(agent(1)), vec![1, 2, 3, 4, 6, 7]),
        (Topic::Agent(agent(2)), vec![5]),
    ];
    let mut live = Vec::new();
    for (topic, _) in &topics {
        live.push(hub.subscribe(*topic, Some(at(0, 0))).await.unwrap());
    }
    pen.post(session(1, 1), 1).await;
    pen.post(session(1, 2), 1).await;
    pen.pause(1, 1).await;
    pen.pause(1, 0).await;
    pen.post(session(2, 2), 1).await;
    pen.post(session(1, 4), 1).await;
    pen.post(session(1, 2), 1).await;
    let anew = Hub::new(world.backbone().await);
    for ((topic, sequences), mut live) in topics.into_iter().zip(live) {
        let expected: Vec<_> = sequences.into_iter().map(|sequence| at(sequence, 0)).collect();
        let last = *expected.last().unwrap();
        assert_eq!(hear_until(&mut live, last).await, expected, "{topic:?}, as it came");
        for (hub, how) in [(&hub, "from the ring"), (&anew, "from the log")] {
            let mut back = hub.subscribe(topic, Some(at(0, 0))).await.unwrap();
            assert_eq!(hear_until(&mut back, last).await, expected, "{topic:?}, {how}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_the_log_does_not_have_is_told() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    written(&mut pen, 2).await;
    let hub = Hub::new(world.backbone().await);
    let other_shard = Position { shard: nats::Shard(1), ..at(1, 0) };
    for cursor in [at(3, 0), at(u64::MAX, u16::MAX), other_shard] {
        let mut subscription = hub.subscribe(Topic::Session(CHAT()), Some(cursor)).await.unwrap();
        written(&mut pen, 1).await;
        if cursor == at(3, 0) {
            // What has come since is not what the position spoke of.
            assert_eq!(subscription.at(), cursor);
        }
        assert!(matches!(next(&mut subscription).await, Delivery::Reset), "{cursor:?}");
        assert!(matches!(subscription.try_next(), Some(Delivery::Reset)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_ahead_of_this_hub_is_one_that_another_process_has_shown() {
    let world = World::start().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(world.backbone().await);
    let idle = hub.subscribe(Topic::Agent(agent(2)), None).await.unwrap();
    let positions = written(&mut pen, 6).await;
    // The hub may or may not have dispatched the last ones by now: both must do.
    for cursor in positions.iter().rev() {
        let mut subscription = hub.subscribe(Topic::Session(CHAT()), Some(*cursor)).await.unwrap();
        let more = written(&mut pen, 1).await;
        let heard = hear_until(&mut subscription, *more.last().unwrap()).await;
        assert_eq!(heard.last(), more.last());
        assert!(heard[0] > *cursor && heard.is_sorted());
    }
    drop(idle);
}
