//! Figures are told from sums that are kept beside the rows. Whatever happened, they are those that counting all of it gives.

use std::collections::BTreeMap;

use domain::session::{Author, Command, EndReason};
use domain::{LinkId, Millis, Target, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use query_service::{Analytics, Day, Freshness, Queries, Spread};
use time::{Date, OffsetDateTime};

use crate::story::{BEGIN, Story, agent, key, link, sealed, session};
use crate::world::World;

const AGENTS: u8 = 12;
const CHATS: u8 = 8;
const DAYS: i64 = 4;
const FAR: Timestamp = Timestamp(32_000_000_000_000);
const HOUR: Millis = Millis::minutes(60);

/// One chat, on a link of its own.
#[derive(Debug, Clone)]
struct Chat {
    /// From the beginning of all.
    started_ms: i64,
    /// Whether it is still open, if nobody ends it; else its hour is over.
    lives_on: bool,
    steps: Vec<Step>,
    end: Option<EndReason>,
    /// What comes later than the rows of all that is above: only what has ended is rated or erased here.
    rating: Option<u8>,
    is_erased: bool,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(i64),
    Chatter,
    Agent,
}

fn chat() -> impl Strategy<Value = Chat> {
    let step = prop_oneof![
        (0..120_000_i64).prop_map(Step::Wait),
        (0..100_i64).prop_map(Step::Wait),
        Just(Step::Chatter),
        Just(Step::Agent)
    ];
    let end = prop_oneof![Just(EndReason::ChatterLeft), Just(EndReason::AgentEnded), Just(EndReason::Blocked)];
    (0..DAYS * 24 * HOUR.0, any::<bool>(), vec(step, 0..9), option::of(end), option::of(1..=5_u8), any::<bool>()).prop_map(
        |(started_ms, lives_on, steps, end, rating, is_erased)| Chat { started_ms, lives_on, steps, end, rating, is_erased },
    )
}

impl Chat {
    fn started(&self) -> Timestamp {
        BEGIN + Millis(self.started_ms)
    }

    fn expires(&self) -> Timestamp {
        if self.lives_on { FAR } else { self.started() + HOUR }
    }

    fn day(&self) -> Date {
        date(self.started())
    }

    /// Tells what happens until it ends.
    async fn tell(&self, story: &mut Story, n: u8, m: u8) {
        let (link, session) = (link(n, m), session(n, m));
        story.now = self.started();
        story.open(link).await;
        story.start_until(link, session, self.expires()).await;
        for step in &self.steps {
            match step {
                Step::Wait(milliseconds) => story.wait(Millis(*milliseconds)),
                Step::Chatter => {
                    story.say(link, session, Author::Chatter, "hello").await;
                }
                Step::Agent => {
                    story.say(link, session, Author::Agent(key(n)), "good day").await;
                }
            }
        }
        if let Some(reason) = self.end {
            story.session(session, link, Command::End { reason, farewell: None }).await;
        }
    }

    /// Tells what comes after its end.
    async fn tell_more(&self, story: &mut Story, n: u8, m: u8) {
        let (link, session) = (link(n, m), session(n, m));
        story.now = self.started() + HOUR;
        if self.end.is_none() {
            return;
        }
        if let Some(rating) = self.rating {
            story.session(session, link, Command::Rate { rating, feedback: Some(sealed("fine")) }).await;
        }
        if self.is_erased {
            story.session(session, link, Command::Erase { requested: true }).await;
        }
    }

    /// Counts it by itself.
    fn counted(&self) -> Counted {
        let (mut now, mut wrote_at, mut counted) = (0, None, Counted { day: Some(self.day()), ..Counted::default() });
        for step in &self.steps {
            match step {
                Step::Wait(milliseconds) => now += milliseconds,
                Step::Chatter => {
                    counted.from_chatter += 1;
                    counted.is_unanswered = true;
                    wrote_at.get_or_insert(now);
                }
                Step::Agent => {
                    counted.from_agent += 1;
                    counted.is_unanswered = false;
                    counted.first_reply = counted.first_reply.or(wrote_at.map(|at| now - at));
                }
            }
        }
        counted.wrote = wrote_at.is_some();
        counted.ended = match self.end {
            Some(reason) => Some((reason, now)),
            None if self.lives_on => None,
            None => Some((EndReason::LinkExpired, HOUR.0)),
        };
        counted.rating = self.rating.filter(|_| self.end.is_some());
        counted
    }
}

#[derive(Debug, Default)]
struct Counted {
    day: Option<Date>,
    wrote: bool,
    from_chatter: u64,
    from_agent: u64,
    first_reply: Option<i64>,
    is_unanswered: bool,
    ended: Option<(EndReason, i64)>,
    rating: Option<u8>,
}

/// Counts chats one by one.
fn figures(chats: &[&Chat], since: Timestamp, newest: usize) -> Analytics {
    let first_day = date(since);
    let all: Vec<Counted> = chats.iter().map(|chat| chat.counted()).filter(|chat| chat.day >= Some(first_day)).collect();
    let count = |wanted: fn(&Counted) -> bool| all.iter().filter(|chat| wanted(chat)).count() as u64;
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    let mut ended: BTreeMap<String, (EndReason, u64)> = BTreeMap::new();
    for chat in &all {
        let date = chat.day.unwrap();
        let day = days.entry(date).or_insert(Day { date, links_opened: 0, joined: 0, messages: 0, unanswered: 0 });
        day.links_opened += 1;
        day.joined += 1;
        day.messages += chat.from_chatter + chat.from_agent;
        day.unanswered += u64::from(chat.is_unanswered);
        if let Some((reason, _)) = chat.ended {
            ended.entry(format!("{reason:?}")).or_insert((reason, 0)).1 += 1;
        }
    }
    let earlier = days.len().saturating_sub(newest);
    let ratings: Vec<u32> = all.iter().filter_map(|chat| chat.rating).map(u32::from).collect();
    let average = |sum: u32, count: usize| f64::from(sum) / f64::from(u32::try_from(count).unwrap());
    Analytics {
        since: Timestamp(first_day.midnight().assume_utc().unix_timestamp() * 1_000),
        links_opened: all.len() as u64,
        joined: all.len() as u64,
        wrote: count(|chat| chat.wrote),
        replied: count(|chat| chat.first_reply.is_some()),
        first_reply: spread(all.iter().filter_map(|chat| chat.first_reply)),
        chatter_messages: all.iter().map(|chat| chat.from_chatter).sum(),
        agent_messages: all.iter().map(|chat| chat.from_agent).sum(),
        ended: ended.into_values().collect(),
        length: spread(all.iter().filter_map(|chat| Some(chat.ended?.1))),
        open: count(|chat| chat.ended.is_none()),
        ratings: ratings.len() as u64,
        average_rating: (!ratings.is_empty()).then(|| average(ratings.iter().sum(), ratings.len())),
        unanswered: count(|chat| chat.is_unanswered),
        days: days.into_values().skip(earlier).collect(),
        earlier_days: earlier as u64,
    }
}

/// The lengths below which half, and nine in ten, are or which they equal.
fn spread(lengths: impl Iterator<Item = i64>) -> Option<Spread> {
    let mut lengths: Vec<i64> = lengths.collect();
    lengths.sort_unstable();
    let at = |percent: usize| Some(Millis(*lengths.get((lengths.len() * percent).div_ceil(100).checked_sub(1)?)?));
    Some(Spread { median: at(50)?, p90: at(90)? })
}

fn date(at: Timestamp) -> Date {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000)).unwrap().date()
}

/// Compares what is told with what was counted: lengths within a 64th.
fn assert_same(mut told: Analytics, mut counted: Analytics, what: &str) {
    for (told, counted) in [(told.first_reply.take(), counted.first_reply.take()), (told.length.take(), counted.length.take())] {
        assert_eq!(told.is_some(), counted.is_some(), "{what}");
        let Some((told, counted)) = told.zip(counted) else { continue };
        for (told, counted) in [(told.median, counted.median), (told.p90, counted.p90)] {
            assert!((told.0 - counted.0).abs() <= counted.0 / 64, "{what}: {} instead of {} ms", told.0, counted.0);
        }
    }
    told.ended.sort_by_key(|(reason, _)| format!("{reason:?}"));
    assert_eq!(told, counted, "{what}");
}

/// Asks for every agent's figures, and for those of each of its links.
async fn assert_true(world: &World, histories: &[Vec<Chat>]) {
    let queries = Queries::new(world.pool.clone(), world.backbone.clone());
    for (n, chats) in (1..).zip(histories) {
        for (days, newest) in [(0, 2), (1, 31), (DAYS, 31)] {
            let since = BEGIN + Millis(days * 24 * HOUR.0);
            let told = async |link: Option<LinkId>| {
                queries.analytics(agent(n), link, since, newest, Freshness::at_least(0)).await.unwrap().value
            };
            let all: Vec<&Chat> = chats.iter().collect();
            let what = format!("agent {n} since day {days}: {chats:#?}");
            assert_same(told(None).await, figures(&all, since, usize::from(newest)), &what);
            for (m, chat) in (0..).zip(chats) {
                let Target::Link(id) = link(n, n * CHATS + m).target else { panic!("a link") };
                let what = format!("link {m} of agent {n} since day {days}: {chat:#?}");
                assert_same(told(Some(id)).await, figures(&[chat], since, usize::from(newest)), &what);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_say_what_counting_every_chat_says() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    let mut runner = TestRunner::deterministic();
    let histories: Vec<Vec<Chat>> =
        (0..AGENTS).map(|_| vec(chat(), 0..=usize::from(CHATS)).new_tree(&mut runner).unwrap().current()).collect();
    for (n, chats) in (1..).zip(&histories) {
        for (m, chat) in (0..).zip(chats) {
            chat.tell(&mut story, n, n * CHATS + m).await;
        }
    }
    world.project().await;
    // What is rated and erased later corrects what was summed up.
    for (n, chats) in (1..).zip(&histories) {
        for (m, chat) in (0..).zip(chats) {
            chat.tell_more(&mut story, n, n * CHATS + m).await;
        }
    }
    world.project().await;
    assert_true(&world, &histories).await;
    for shard in world.backbone.shards() {
        projector::rebuild(&world.backbone, &world.pool, shard, |_| ()).await.unwrap();
    }
    assert_true(&world, &histories).await;
}
