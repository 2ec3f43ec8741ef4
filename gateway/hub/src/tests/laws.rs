//! The law of the hub: whatever happens to it, to its listeners and to the log's connections, every listener hears exactly
//! the events after its cursor, each once, in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Address;
use domain::session::Event;
use nats::{Position, Scope};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::network::Network;
use super::world::{Pen, World, agent, at, link, posted, session};
use crate::bounds::Bounds;
use crate::{Delivery, Hub, Topic};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(3);
const AGENTS: u8 = 2;
const SESSIONS: u8 = 4;
const COMMITS: usize = 60;
const LISTENERS: u64 = 14;

/// What everyone in a story knows.
struct Story {
    hub: watch::Receiver<Hub>,
    /// How many events were heard by all together: the story's clock.
    heard: watch::Sender<u64>,
}

/// Bounds so tight that every way of hearing is met all the time.
fn tight(random: &mut StdRng) -> Bounds {
    Bounds {
        listeners: 1_000,
        viewers: 100,
        ring: random.random_range(1..40),
        ring_bytes: random.random_range(1_000..20_000),
        queue: random.random_range(2..20),
        queue_bytes: random.random_range(1_000..20_000),
        page: random.random_range(1..9),
        scans: random.random_range(1..4),
        lingers: Duration::from_millis(random.random_range(0..20)),
    }
}

/// Writes commits of one to four events to the sessions of an agent, then rates each session: that is its last word.
async fn write(mut pen: Pen, of: u8, mut random: StdRng) {
    for _ in 0..COMMITS {
        let events = (0..random.random_range(1..=4)).map(|_| posted(random.random_range(0..300))).collect();
        pen.write(session(of, random.random_range(0..SESSIONS)), events).await;
        for _ in 0..random.random_range(0..4) {
            tokio::task::yield_now().await;
        }
    }
    for n in 0..SESSIONS {
        pen.write(session(of, n), vec![Event::Rated { rating: 5, feedback: None }]).await;
    }
}

/// Says what a topic hears, and how many last words are among it.
fn topic(random: &mut StdRng) -> (Topic, usize) {
    let (of, n) = (random.random_range(1..=AGENTS), random.random_range(0..SESSIONS));
    match random.random_range(0..4) {
        0 => (Topic::Link(agent(of), link(n % 2)), usize::from(SESSIONS) / 2),
        1 => (Topic::Agent(agent(of)), usize::from(SESSIONS)),
        _ => (Topic::Session(session(of, n)), 1),
    }
}

/// Hears a topic from the beginning to its last word over any number of subscriptions; returns the places of what was heard.
async fn listen(story: Arc<Story>, topic: Topic, last_words: usize, mut random: StdRng) -> Vec<Position> {
    let (mut cursor, mut heard, mut left) = (at(0, 0), Vec::new(), last_words);
    let mut hubs = story.hub.clone();
    while left > 0 {
        let hub = hubs.borrow_and_update().clone();
        // A hub that stops, or that lost its connection: another time.
        let Ok(mut subscription) = hub.subscribe(topic, Some(cursor)).await else {
            tokio::task::yield_now().await;
            continue;
        };
        for _ in 0..random.random_range(1..40) {
            if left == 0 {
                break;
            }
            let delivery = match random.random_range(0..4) {
                0 => subscription.try_next(),
                // A wait that is given up loses nothing.
                1 => timeout(Duration::from_micros(random.random_range(0..300)), subscription.next()).await.ok(),
                _ => Some(subscription.next().await),
            };
            let (entry, after) = match delivery {
                Some(Delivery::Entry(entry, after)) => (entry, after),
                Some(Delivery::Closed) => break,
                Some(Delivery::Signal(_) | Delivery::AgentChanged) | None => continue,
                Some(Delivery::Reset) => panic!("{cursor:?} of {topic:?} was called unknown"),
            };
            assert_eq!(after, cursor);
            // Now and then only some events of a commit are taken: the next subscription begins inside it.
            let most = if random.random_ratio(1, 5) { random.random_range(1..4) } else { usize::MAX };
            let facts: Vec<_> = entry.facts(Some(after)).collect();
            let is_partial = facts.len() > most;
            for fact in facts.into_iter().take(most) {
                cursor = fact.position;
                heard.push(cursor);
                left -= usize::from(matches!(fact.event, nats::AnyEvent::Session(Event::Rated { .. })));
                story.heard.send_modify(|heard| *heard += 1);
            }
            if is_partial {
                break;
            }
        }
    }
    heard
}

/// Cuts connections, deletes consumers and starts the hub anew, each time after some more was heard.
async fn disturb(world: &World, network: &Network, hubs: watch::Sender<Hub>, story: &Story, mut random: StdRng) {
    let stream = world.jetstream().await.get_stream("EVENTS-0").await.unwrap();
    let mut heard = story.heard.subscribe();
    let mut cut = false;
    for _ in 0..12 {
        let next = *heard.borrow() + random.random_range(20..150);
        let _ = timeout(Duration::from_millis(500), heard.wait_for(|heard| *heard >= next)).await;
        match random.random_range(0..4) {
            // Once: whatever was asked on a cut connection is given up after seconds only.
            0 if !cut => {
                network.cut();
                cut = true;
            }
            0 | 1 => {
                let hub = Hub::within(tight(&mut random), hubs.borrow().inner.backbone.clone());
                let former = hubs.send_replace(hub);
                former.stop().await;
            }
            _ => {
                for consumer in world.consumers().await {
                    // It may have gone by itself.
                    let _ = stream.delete_consumer(&consumer).await;
                }
            }
        }
    }
}

/// Reads what is in the log after all, topic by topic.
async fn truth(world: &World) -> BTreeMap<Position, (Address, Option<domain::LinkId>)> {
    let backbone = world.backbone().await;
    let end = backbone.end(super::world::SHARD).await.unwrap();
    let mut all = BTreeMap::new();
    for of in 1..=AGENTS {
        for recorded in backbone.store().scan(Scope::Agent(agent(of)), 0, end, usize::MAX).await.unwrap() {
            all.extend(recorded.facts().map(|fact| (fact.position, (fact.address, fact.link))));
        }
    }
    all
}

async fn story(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::start().await;
    let network = Network::start(world.nats.port()).await;
    let hub = Hub::within(tight(&mut random), world.backbone_by_port(network.port).await);
    let (hubs, hub) = watch::channel(hub);
    let story = Arc::new(Story { hub, heard: watch::Sender::new(0) });
    let mut writers = JoinSet::new();
    for of in 1..=AGENTS {
        writers.spawn(write(Pen::new(world.backbone().await), of, StdRng::seed_from_u64(random.random())));
    }
    let mut listeners = JoinSet::new();
    for _ in 0..LISTENERS {
        let (topic, last_words) = topic(&mut random);
        let hears = listen(Arc::clone(&story), topic, last_words, StdRng::seed_from_u64(random.random()));
        listeners.spawn(async move { (topic, hears.await) });
    }
    let told = async {
        let disturbed = disturb(&world, &network, hubs, &story, StdRng::seed_from_u64(random.random()));
        let (heard, written, ()) = tokio::join!(listeners.join_all(), writers.join_all(), disturbed);
        assert_eq!(written.len(), usize::from(AGENTS));
        heard
    };
    let heard = timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("the story of seed {seed} has no end"));
    let truth = truth(&world).await;
    for (topic, heard) in heard {
        let is_heard = |address: &Address, link| match topic {
            Topic::Session(session) => *address == session,
            Topic::Link(agent, of) => address.agent == agent && link == Some(of),
            Topic::Agent(agent) => address.agent == agent,
        };
        let expected: Vec<_> = truth.iter().filter(|(_, (address, link))| is_heard(address, *link)).map(|(at, _)| *at).collect();
        assert_eq!(heard, expected, "seed {seed}, {topic:?}");
    }
    let last = story.hub.borrow().clone();
    assert_eq!(last.listeners(), 0);
    last.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everyone_hears_everything_once_and_in_order() {
    let mut stories = JoinSet::new();
    for seed in 0..6 {
        stories.spawn(story(seed));
    }
    stories.join_all().await;
}
