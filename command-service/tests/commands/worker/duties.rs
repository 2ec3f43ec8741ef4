use command_service::{End, LinkChanges, NewLink, Refusal, clock};
use domain::link::{self, Link};
use domain::session::{EndReason, Event, Session};
use domain::{Address, Millis, SessionId, Target};
use nats::{Actor, Text};

use super::{NOW, Scene};
use crate::world::{Chat, admitted, an_hour, client, started, until, words};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_carried_out() {
    let scene = Scene::set().await;
    // Long enough to come in.
    let lifetime = Millis::seconds(5);
    let new = NewLink { expires_at: End::In(lifetime), idle_timeout: NOW, ..an_hour() };
    let chat = scene.process.chat(new).await;
    let (at_session, at_link) = (Target::Session(chat.session), Target::Link(chat.link));
    scene.schedule(chat, at_session, "expire", lifetime).await;
    scene.schedule(chat, at_link, "expire", lifetime).await;
    let worker = scene.work().await;
    scene.rows.done(chat.session.bytes(), "expire").await;
    scene.rows.done(chat.link.bytes(), "expire").await;
    assert_eq!(scene.process.names(chat.address()).await, ["session.started", "session.ended"]);
    assert_eq!(scene.process.names(chat.at_link()).await, ["link.opened", "link.admitted", "link.expired"]);
    scene.for_session(chat, "release").await;
    scene.rows.done(chat.session.bytes(), "release").await;
    assert_eq!(scene.process.names(chat.at_link()).await[3..], ["link.released"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_does_not_believe_its_own_old_news() {
    let scene = Scene::set().await;
    let agent = scene.process.agent().await;
    let link = scene.process.link(agent, an_hour()).await;
    let worker_process = scene.world.process().await;
    // The worker's process has just seen that there is no such session, and no revocation.
    let session = scene.world.derived().session(link, "someone", 0);
    let chat = Chat { agent, link, session };
    assert!(worker_process.commands.known_session(agent, link, None, "someone").await.unwrap().is_none());
    worker_process.commands.link(agent, link).await.unwrap();
    scene.rows.caught_up(&scene.process.backbone).await;
    scene.process.chat_on(agent, link, "someone").await;
    scene.process.commands.revoke_link(agent, Actor::Operator, link, true, Some("so long")).await.unwrap();
    scene.for_session(chat, "end_with_link").await;
    scene.rows.caught_up(&scene.process.backbone).await;
    let worker = scene.rows.worker(&worker_process.commands);
    scene.rows.done(session.bytes(), "end_with_link").await;
    worker.stop().await;
    assert_eq!(scene.process.names(chat.address()).await, ["session.started", "session.message_posted", "session.ended"]);
    assert_eq!(words(&scene.process, chat).await, [Text::Open("so long".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_given_back_by_who_ended_or_never_came_and_by_nobody_else() {
    let scene = Scene::set().await;
    let agent = scene.process.agent().await;
    let link = scene.process.link(agent, NewLink { max_sessions_total: Some(50), ..an_hour() }).await;
    let at_link = Address::link(agent, link);
    let place = async |n: u8, left: i64, history: Vec<Event>| {
        let chat = Chat { agent, link, session: SessionId::new([n; 16]) };
        scene.process.record::<Link>(at_link, link, vec![admitted(chat.session, false, Millis(left))], NOW).await;
        if !history.is_empty() {
            scene.process.record::<Session>(chat.address(), link, history, NOW).await;
        }
        scene.for_session(chat, "release").await;
        chat
    };
    let ended = Event::Ended { reason: EndReason::ChatterLeft };
    // Far longer than the test may take.
    let reserved = 1_200_000;
    let active = place(1, -1, vec![started(link)]).await;
    let left = place(2, reserved, vec![started(link), ended.clone()]).await;
    let erased = place(3, reserved, vec![started(link), ended, Event::Erased]).await;
    let idle = place(4, -1, vec![started(link), Event::WentIdle]).await;
    let never_came = place(5, -1, vec![]).await;
    let returning = place(6, reserved, vec![started(link), Event::WentIdle]).await;
    let coming = place(7, reserved, vec![]).await;
    let worker = scene.work().await;
    for done in [active, left, erased, idle, never_came] {
        scene.rows.done(done.session.bytes(), "release").await;
    }
    for waiting in [returning, coming] {
        let row =
            until("the delay", async || scene.rows.row(waiting.session.bytes(), "release").await.filter(|row| row.due_in > 0))
                .await;
        assert!((reserved / 2..=reserved).contains(&row.due_in), "{row:?}");
    }
    worker.stop().await;
    let state = scene.world.process().await.commands.link(agent, link).await.unwrap();
    let mut holders: Vec<_> = state.admissions.keys().copied().collect();
    holders.sort();
    assert_eq!(holders, [active.session, returning.session, coming.session]);
    assert_eq!(state.admitted, 6, "who never came is not counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_falls_idle_gives_its_place_back_and_returns() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(NewLink { idle_timeout: NOW, max_sessions_at_once: 1, ..an_hour() }).await;
    scene.carry_out(chat, "idle").await;
    assert_eq!(scene.process.names(chat.address()).await, ["session.started", "session.went_idle"]);
    // The reservation that it started in still protects the place.
    scene.for_session(chat, "release").await;
    let worker = scene.work().await;
    until("the delay", async || scene.rows.row(chat.session.bytes(), "release").await.filter(|row| row.due_in > 0)).await;
    worker.stop().await;
    let back = scene.world.process().await;
    back.commands.post(chat.address(), Actor::Chatter, "1", "still here").await.unwrap();
    // The chatter waits for an answer now: the idle clock stands still.
    scene.for_session(chat, "idle").await;
    let worker = scene.work().await;
    until("the delay", async || {
        scene.rows.row(chat.session.bytes(), "idle").await.filter(|row| row.attempts == 0 && row.due_in > -60_000)
    })
    .await;
    worker.stop().await;
    let names = back.names(chat.address()).await;
    assert_eq!(names, ["session.started", "session.went_idle", "session.resumed", "session.message_posted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_chat_follows_its_links_end() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(an_hour()).await;
    let expires_at = clock::now() + Millis::minutes(120);
    let changes = LinkChanges { expires_at: Some(End::At(expires_at)), ..LinkChanges::default() };
    scene.process.commands.update_link(chat.agent, Actor::Operator, chat.link, changes).await.unwrap();
    scene.carry_out(chat, "reschedule").await;
    let state = scene.world.process().await.commands.session(chat.address()).await.unwrap();
    assert_eq!(state.settings.unwrap().expires_at, expires_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_go_when_they_are_due_and_not_before() {
    let scene = Scene::set().await;
    let kept = scene.process.chat(an_hour()).await;
    let due = scene.process.chat(NewLink { keep_after_end: NOW, ..an_hour() }).await;
    let open = scene.process.chat(NewLink { keep_after_end: NOW, ..an_hour() }).await;
    for chat in [kept, due] {
        scene.process.commands.post(chat.address(), Actor::Chatter, "1", "hello").await.unwrap();
        scene.process.commands.end(chat.address(), Actor::Chatter, EndReason::ChatterLeft, None).await.unwrap();
        scene.for_session(chat, "erase").await;
    }
    scene.for_session(open, "erase").await;
    let worker = scene.work().await;
    scene.rows.done(due.session.bytes(), "erase").await;
    scene.rows.done(open.session.bytes(), "erase").await;
    let row = until("the delay", async || scene.rows.row(kept.session.bytes(), "erase").await.filter(|row| row.due_in > 0)).await;
    worker.stop().await;
    assert!((3_500_000..=3_600_000).contains(&row.due_in), "{row:?}");
    assert_eq!(words(&scene.process, kept).await, [Text::Open("hello".to_owned())]);
    let fresh = scene.world.process().await;
    assert_eq!(words(&fresh, due).await, [Text::Erased]);
    assert_eq!(fresh.names(due.address()).await[2..], ["session.ended", "session.erased"]);
    assert_eq!(fresh.names(open.address()).await, ["session.started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_broke_off_is_finished_at_once() {
    let scene = Scene::set().await;
    for steps in 1..=2 {
        let chat = scene.process.chat(an_hour()).await;
        scene.process.commands.end(chat.address(), Actor::Chatter, EndReason::Erased, None).await.unwrap();
        if steps > 1 {
            scene.process.backbone.keys().destroy(chat.address()).await.unwrap();
        }
        scene.carry_out(chat, "erase").await;
        assert_eq!(scene.process.names(chat.address()).await, ["session.started", "session.ended", "session.erased"]);
        assert!(!scene.process.key_owners().await.contains(&chat.address()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_links_words_go_when_nobody_is_left_in_it() {
    let scene = Scene::set().await;
    let new = NewLink { keep_after_end: NOW, ..an_hour() };
    let agent = scene.process.agent().await;
    let (link, _) = scene.process.commands.create_link(agent, Actor::Operator, new.clone(), Some("monday")).await.unwrap();
    let chat = scene.process.chat_on(agent, link, "someone").await;
    scene.process.commands.revoke_link(agent, Actor::Operator, link, true, None).await.unwrap();
    scene.schedule(chat, Target::Link(link), "erase", NOW).await;
    let worker = scene.work().await;
    let in_use = async || scene.rows.row(link.bytes(), "erase").await.filter(|row| row.due_in > 30_000);
    until("the delay", in_use).await;
    let vault = scene.process.backbone.opener().vault(chat.at_link()).await.unwrap();
    assert!(!vault.is_erased());
    scene.for_session(chat, "end_with_link").await;
    scene.rows.done(chat.session.bytes(), "end_with_link").await;
    scene.for_session(chat, "release").await;
    scene.rows.done(chat.session.bytes(), "release").await;
    scene.rows.sql("UPDATE scheduled SET due_at = now()").await;
    scene.rows.done(link.bytes(), "erase").await;
    worker.stop().await;

    let names = scene.process.names(chat.at_link()).await;
    assert_eq!(names, ["link.opened", "link.admitted", "link.revoked", "link.released", "link.erased"]);
    let fresh = scene.world.process().await;
    assert!(fresh.backbone.opener().vault(chat.at_link()).await.unwrap().is_erased());
    let refused = fresh.commands.create_link(agent, Actor::Operator, new, Some("monday")).await;
    assert!(matches!(refused, Err(Refusal::Link(link::Rejection::Erased))), "{refused:?}");
    let refused = fresh.commands.join(&client(agent, link, "another")).await;
    assert!(matches!(refused, Err(Refusal::Link(link::Rejection::Erased))), "{refused:?}");
}
