//! What one process decides while another one's decisions are news to it.

use std::time::{Duration, Instant};

use command_service::{End, LinkChanges, NewLink, Refusal, clock};
use domain::{Address, Millis, link, session};
use futures_util::StreamExt;
use futures_util::future::{join_all, ready};
use nats::{Actor, Hash, Reading};

use crate::world::{Chat, Process, World, an_hour, client, until};

const OPERATOR: Actor = Actor::Operator;

async fn two(world: &World) -> (Process, Process) {
    (world.process().await, world.process().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_resumed_elsewhere_takes_newcomers() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let agent = here.agent().await;
    let link = here.link(agent, an_hour()).await;
    here.commands.pause_link(agent, OPERATOR, link, true).await.unwrap();
    let join = async || there.commands.join(&client(agent, link, "someone")).await;
    assert!(matches!(join().await, Err(Refusal::Link(link::Rejection::Paused))));
    here.commands.pause_link(agent, OPERATOR, link, false).await.unwrap();
    until("the way in", async || match join().await {
        Err(Refusal::Link(link::Rejection::Paused)) => None,
        joined => Some(joined.unwrap()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_made_elsewhere_is_found() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let chat = here.chat(NewLink { max_sessions_at_once: 1, ..an_hour() }).await;
    let join = async || there.commands.join(&client(chat.agent, chat.link, "another")).await;
    assert!(matches!(join().await, Err(Refusal::Link(link::Rejection::Full { .. }))));
    let changes = LinkChanges { max_sessions_at_once: Some(2), ..LinkChanges::default() };
    here.commands.update_link(chat.agent, OPERATOR, chat.link, changes).await.unwrap();
    until("the place", async || match join().await {
        Err(Refusal::Link(link::Rejection::Full { .. })) => None,
        joined => Some(joined.unwrap()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_extended_elsewhere_is_never_called_expired() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let agent = here.agent().await;
    let link = here.link(agent, NewLink { expires_at: End::In(Millis::seconds(5)), ..an_hour() }).await;
    let old_end = there.commands.link(agent, link).await.unwrap().settings.unwrap().expires_at;
    let changes = LinkChanges { expires_at: Some(End::At(clock::now() + Millis::minutes(60))), ..LinkChanges::default() };
    here.commands.update_link(agent, OPERATOR, link, changes).await.unwrap();
    until("the old end", async || (clock::now() > old_end).then_some(())).await;
    there.commands.join(&client(agent, link, "someone")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_so_is_done_again() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let agent = here.agent().await;
    let link = here.link(agent, an_hour()).await;
    for _ in 0..3 {
        there.commands.pause_link(agent, OPERATOR, link, true).await.unwrap();
        here.commands.pause_link(agent, OPERATOR, link, false).await.unwrap();
    }
    let names = here.names(Address::link(agent, link)).await;
    assert_eq!(names[1..], ["link.paused", "link.resumed"].repeat(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_final_needs_no_second_look() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let chat = here.chat(an_hour()).await;
    here.commands.end(chat.address(), Actor::Chatter, session::EndReason::ChatterLeft, None).await.unwrap();
    let post = async || there.commands.post(chat.address(), Actor::Chatter, "1", "hello").await;
    assert!(matches!(post().await, Err(Refusal::Session(session::Rejection::Ended { .. }))));
    // Key and state are at hand now: whoever asked the log would get no answer from it.
    world.freeze();
    let refused = post().await;
    world.thaw();
    assert!(matches!(refused, Err(Refusal::Session(session::Rejection::Ended { .. }))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_vain_commands_ask_the_log_once_a_second() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    process.commands.mark_read(chat.address(), session::Reader::Chatter, 1).await.unwrap();
    process.commands.pause_link(chat.agent, OPERATOR, chat.link, true).await.unwrap();

    let tap = nats::bare_client(world.nats.url()).await.unwrap();
    let questions = tap.subscribe("$JS.API.STREAM.MSG.GET.*").await.unwrap();
    tap.flush().await.unwrap();
    let began = Instant::now();
    let vain = (0..1_000).map(|n| {
        let commands = process.commands.clone();
        tokio::spawn(async move {
            if n % 2 == 0 {
                commands.mark_read(chat.address(), session::Reader::Chatter, 1).await.unwrap();
            } else {
                let refused = commands.join(&client(chat.agent, chat.link, "another")).await;
                assert!(matches!(refused, Err(Refusal::Link(link::Rejection::Paused))), "{refused:?}");
            }
        })
    });
    join_all(vain).await.into_iter().for_each(Result::unwrap);
    let seconds = began.elapsed().as_secs();
    // What was asked comes before what is published now.
    let last = "$JS.API.STREAM.MSG.GET.end";
    tap.publish(last, "".into()).await.unwrap();
    let asked = questions.take_while(|question| ready(question.subject.as_str() != last)).count().await;
    // The chat, its link, and the other client's chat that is not there.
    assert!(asked as u64 <= 3 * (seconds + 1), "{asked} questions in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_what_was_known_is_believed() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    process.commands.post(chat.address(), Actor::Chatter, "1", "hello").await.unwrap();
    let jetstream = async_nats::jetstream::new(nats::bare_client(world.nats.url()).await.unwrap());
    let shard = process.backbone.shard_of(chat.agent);
    let stream = jetstream.get_stream(format!("EVENTS-{shard}")).await.unwrap();
    stream.purge().filter(format!("event.{shard}.*.session.>")).await.unwrap();
    let refused = process.commands.post(chat.address(), Actor::Chatter, "2", "anyone there?").await;
    assert!(matches!(refused, Err(Refusal::Session(session::Rejection::Unknown))), "{refused:?}");
}

/// Reads a shard as a gateway does, from now on.
struct Reader {
    feed: nats::Feed,
    reading: Reading,
    read: u64,
}

impl Reader {
    async fn begin(process: &Process, chat: Chat) -> Self {
        let shard = process.backbone.shard_of(chat.agent);
        let read = process.backbone.end(shard).await.unwrap();
        let feed = process.backbone.feed(shard, read, Hash::default());
        Self { feed, reading: process.backbone.begin_reading(shard, read), read }
    }

    async fn read_to(&mut self, sequence: u64) {
        while self.read < sequence {
            for commit in self.feed.next(256).await.unwrap() {
                self.read = commit.sequence();
                let commit = commit.commit().expect("nothing is pruned here");
                self.reading.pass(commit.address, commit.sequence);
            }
        }
    }
}

/// Lets all that was confirmed before become older than it may be.
async fn a_second_passes() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_shard_is_read_no_state_of_it_is_asked_for() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let first = here.chat(an_hour()).await;
    let mut chats = vec![first];
    for n in 0..20 {
        chats.push(here.chat_on(first.agent, first.link, &n.to_string()).await);
    }
    let mut reader = Reader::begin(&there, first).await;
    for chat in &chats {
        there.commands.session(chat.address()).await.unwrap();
    }
    // Another session's commit changes none of them.
    let posted = here.commands.post(first.address(), Actor::Chatter, "1", "hello").await.unwrap();
    reader.read_to(posted.position.sequence).await;
    a_second_passes().await;

    let tap = nats::bare_client(world.nats.url()).await.unwrap();
    let questions = tap.subscribe("$JS.API.STREAM.MSG.GET.*").await.unwrap();
    tap.flush().await.unwrap();
    for chat in &chats[1..] {
        assert_eq!(there.commands.session(chat.address()).await.unwrap().status, session::Status::Active);
    }
    let last = "$JS.API.STREAM.MSG.GET.end";
    tap.publish(last, "".into()).await.unwrap();
    assert_eq!(questions.take_while(|question| ready(question.subject.as_str() != last)).count().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_reader_has_passed_is_known_at_once() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let chat = here.chat(an_hour()).await;
    let mut reader = Reader::begin(&there, chat).await;
    for n in 0..20 {
        there.commands.session(chat.address()).await.unwrap();
        let posted = here.commands.post(chat.address(), Actor::Chatter, &n.to_string(), "hello").await.unwrap();
        reader.read_to(posted.position.sequence).await;
        assert_eq!(there.commands.session(chat.address()).await.unwrap().chatter_messages, n + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_nobody_read_is_found_all_the_same() {
    let world = World::start().await;
    let (here, there) = two(&world).await;
    let chat = here.chat(an_hour()).await;
    drop(Reader::begin(&there, chat).await);
    there.commands.session(chat.address()).await.unwrap();
    here.commands.end(chat.address(), Actor::Chatter, session::EndReason::ChatterLeft, None).await.unwrap();
    let _reader = Reader::begin(&there, chat).await;
    a_second_passes().await;
    assert_eq!(there.commands.session(chat.address()).await.unwrap().status, session::Status::Ended);
    // A reader that has not come so far does not tell either.
    here.commands.erase(chat.address(), Actor::Chatter).await.unwrap();
    a_second_passes().await;
    assert_eq!(there.commands.session(chat.address()).await.unwrap().status, session::Status::Erased);
}
