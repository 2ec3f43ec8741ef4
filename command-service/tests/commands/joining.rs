use command_service::{Join, Joined, NewLink, Refusal};
use domain::link::{Link, Rejection};
use domain::session::{EndReason, Session};
use domain::{Address, Millis, session};
use futures_util::future::join_all;
use nats::{Actor, Text};

use crate::world::{Process, World, admitted, an_hour, client, started, words};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_gets_the_same_session() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let again = client(chat.agent, chat.link, "someone");
    // A lost answer, and a cookie.
    for holds in [None, Some(chat.session)] {
        let back = process.commands.join(&Join { holds, ..again.clone() }).await.unwrap();
        assert_eq!(back, Joined::Existing(chat.session));
    }
    let known = process.commands.known_session(chat.agent, chat.link, None, "someone").await.unwrap().unwrap();
    assert_eq!((known.session, known.state.status), (chat.session, session::Status::Active));
    assert!(process.commands.known_session(chat.agent, chat.link, None, "another").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_joins_many_times_at_once_has_one_session() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let agent = processes[0].agent().await;
    let link = processes[0].link(agent, NewLink { welcome_message: Some("Hello!".to_owned()), ..an_hour() }).await;
    let joins = (0..12).map(|n| {
        let commands = processes[n % 2].commands.clone();
        tokio::spawn(async move { commands.join(&client(agent, link, "someone")).await.unwrap().session() })
    });
    let sessions: Vec<_> = join_all(joins).await.into_iter().map(Result::unwrap).collect();
    assert!(sessions.iter().all(|session| *session == sessions[0]));
    let names = processes[0].names(Address::session(agent, sessions[0])).await;
    assert_eq!(names, ["session.started", "session.message_posted"]);
    assert_eq!(processes[0].names(Address::link(agent, link)).await, ["link.opened", "link.admitted"]);
    let chat = crate::world::Chat { agent, link, session: sessions[0] };
    assert_eq!(words(&processes[1], chat).await, [Text::Open("Hello!".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ten_minutes_only_the_credential_brings_a_client_back() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, an_hour()).await;
    let session = world.derived().session(link, "someone", 0);
    process.record::<Session>(Address::session(agent, session), link, vec![started(link)], Millis::minutes(11)).await;
    let join = client(agent, link, "someone");
    assert!(matches!(process.commands.join(&join).await, Err(Refusal::ClientIdUsed)));
    assert!(matches!(process.commands.join(&Join { start_new: true, ..join.clone() }).await, Err(Refusal::ClientIdUsed)));
    let back = process.commands.join(&Join { holds: Some(session), ..join }).await.unwrap();
    assert_eq!(back, Joined::Existing(session));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_opens_the_door_and_opens_it_again() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { passcode: Some("1234".to_owned()), ..an_hour() }).await;
    let with = |passcode: Option<&str>| Join { passcode: passcode.map(str::to_owned), ..client(agent, link, "someone") };
    assert!(matches!(process.commands.join(&with(None)).await, Err(Refusal::Link(Rejection::PasscodeRequired))));
    assert!(matches!(process.commands.join(&with(Some("4321"))).await, Err(Refusal::Link(Rejection::PasscodeWrong))));
    assert_eq!(process.names(Address::link(agent, link)).await, ["link.opened"]);

    let joined = process.commands.join(&with(Some("1234"))).await.unwrap();
    assert!(matches!(joined, Joined::Started(..)));
    let back = Joined::Existing(joined.session());
    assert_eq!(process.commands.join(&with(Some("1234"))).await.unwrap(), back);
    assert!(matches!(process.commands.join(&with(Some("4321"))).await, Err(Refusal::ClientIdUsed)));
    assert!(matches!(process.commands.join(&with(None)).await, Err(Refusal::ClientIdUsed)));
    assert_eq!(process.commands.join(&Join { holds: Some(joined.session()), ..with(None) }).await.unwrap(), back);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_start_anew_after_each_end() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, an_hour()).await;
    let join = async |start_new, holds| {
        process.commands.join(&Join { start_new, holds, ..client(agent, link, "someone") }).await.unwrap()
    };
    let mut sessions = vec![join(false, None).await.session()];
    for _ in 0..3 {
        let last = *sessions.last().unwrap();
        assert_eq!(join(true, Some(last)).await, Joined::Existing(last), "one at a time");
        process.commands.end(Address::session(agent, last), Actor::Chatter, EndReason::ChatterLeft, None).await.unwrap();
        assert_eq!(join(false, Some(last)).await, Joined::Existing(last), "nobody asked for a new one");
        let next = join(true, Some(last)).await;
        assert!(matches!(next, Joined::Started(..)));
        assert!(!sessions.contains(&next.session()));
        sessions.push(next.session());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_returns_only_so_often() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, an_hour()).await;
    for ordinal in 0..32 {
        let session = Address::session(agent, world.derived().session(link, "someone", ordinal));
        let ended = session::Event::Ended { reason: EndReason::ChatterLeft };
        process.record::<Session>(session, link, vec![started(link), ended], Millis(0)).await;
    }
    let join = Join { start_new: true, ..client(agent, link, "someone") };
    assert!(matches!(process.commands.join(&join).await, Err(Refusal::TooManyReturns { limit: 32 })));
}

async fn nothing_happens(process: &Process, join: Join) -> Refusal {
    let (commits, keys) = (process.commits().await, process.key_owners().await.len());
    let refusal = process.commands.join(&join).await.unwrap_err();
    assert_eq!(process.commits().await, commits);
    assert_eq!(process.key_owners().await.len(), keys);
    refusal
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_come_in_leaves_nothing_behind() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, an_hour()).await;
    let join = client(agent, link, "someone");
    let name = Some("n".repeat(81));
    let refusal = nothing_happens(&process, Join { display_name: name, ..join.clone() }).await;
    assert!(matches!(refusal, Refusal::Session(session::Rejection::TextTooLong { characters: 81, limit: 80 })), "{refusal}");
    let refusal = nothing_happens(&process, Join { rotation: 1, ..join.clone() }).await;
    assert!(matches!(refusal, Refusal::Link(Rejection::Unknown)), "{refusal}");
    process.commands.rotate_token(agent, Actor::Operator, link).await.unwrap();
    let refusal = nothing_happens(&process, join.clone()).await;
    assert!(matches!(refusal, Refusal::Link(Rejection::Unknown)), "{refusal}");
    process.commands.revoke_link(agent, Actor::Operator, link, true, None).await.unwrap();
    let refusal = nothing_happens(&process, Join { rotation: 1, ..join }).await;
    assert!(matches!(refusal, Refusal::Link(Rejection::Revoked)), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_broke_off_long_ago_does_not_stand_in_the_way() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { max_sessions_total: Some(1), ..an_hour() }).await;
    let session = world.derived().session(link, "someone", 0);
    let at_link = Address::link(agent, link);
    process.record::<Link>(at_link, link, vec![admitted(session, false, Millis(-1))], Millis(0)).await;
    let other = world.process().await;
    let joined = other.commands.join(&client(agent, link, "someone")).await.unwrap();
    assert!(matches!(joined, Joined::Started(same, _) if same == session));
    assert_eq!(other.names(at_link).await, ["link.opened", "link.admitted", "link.released", "link.admitted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_broke_off_just_now_is_taken_up() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { max_sessions_at_once: 1, ..an_hour() }).await;
    let session = world.derived().session(link, "someone", 0);
    let at_link = Address::link(agent, link);
    process.record::<Link>(at_link, link, vec![admitted(session, false, Millis::seconds(20))], Millis(0)).await;
    let other = world.process().await;
    assert_eq!(other.commands.join(&client(agent, link, "someone")).await.unwrap().session(), session);
    assert_eq!(other.names(at_link).await, ["link.opened", "link.admitted"]);
}
