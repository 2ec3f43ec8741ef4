//! What is scheduled at each step of a life.

use domain::Millis;
use domain::link::{Changes, Command, Release};
use domain::session::{self, EndReason};

use crate::dump::rows;
use crate::story::{BEGIN, Story, key, link, question, sealed, session};
use crate::world::World;

/// The scheduled commands, each as `kind purpose minutes`, counted from the story's beginning.
async fn scheduled(world: &World) -> Vec<String> {
    world.project().await;
    let minutes = format!("extract(EPOCH FROM due_at - to_timestamp({}))::INT / 60", BEGIN.0 / 1_000);
    let rows =
        rows(&world.pool, &format!("SELECT to_jsonb(concat_ws(' ', target_kind, purpose, {minutes})) FROM scheduled")).await;
    rows.iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

async fn started(world: &World) -> Story {
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    story.start(link(1, 1), session(1, 1)).await;
    story
}

fn until(end: domain::Timestamp) -> Command {
    Command::Update(Box::new(Changes { expires_at: Some(end), ..Changes::default() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_never_used_is_given_back() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    story.admit(link(1, 1), session(1, 1), false).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50", "session release_unused 1"]);
    story.wait(Millis::minutes(1));
    story.release(link(1, 1), session(1, 1), Release::Unused).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_from_start_to_erasure() {
    let world = World::start().await;
    let mut story = started(&world).await;
    let (at_link, at_session) = (link(1, 1), session(1, 1));
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50", "session expire 60", "session idle 30"]);

    story.wait(Millis::minutes(30));
    story.session(at_session, at_link, session::Command::GoIdle).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50", "session expire 60", "session release 30"]);
    story.release(at_link, at_session, Release::Left).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50", "session expire 60"]);

    story.wait(Millis::minutes(5));
    story.admit(at_link, at_session, true).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50", "session expire 60", "session release_unused 36"]);
    story.session(at_session, at_link, session::Command::Resume { start_before: story.now + Millis::minutes(1) }).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50", "session expire 60", "session idle 65"]);

    story.session(at_session, at_link, session::Command::End { reason: EndReason::ChatterLeft, farewell: None }).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50", "session erase 1475", "session release 35"]);
    story.session(at_session, at_link, session::Command::Erase { requested: true }).await;
    assert_eq!(
        scheduled(&world).await,
        ["link expire 60", "link warn 50", "session release 35"],
        "the place is still to be given back"
    );
    story.release(at_link, at_session, Release::Left).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_sessions_follow_the_end_of_their_link() {
    let world = World::start().await;
    let mut story = started(&world).await;
    story.start(link(1, 1), session(1, 2)).await;
    story.session(session(1, 2), link(1, 1), session::Command::End { reason: EndReason::ChatterLeft, farewell: None }).await;
    story.release(link(1, 1), session(1, 2), Release::Left).await;
    story.wait(Millis::minutes(1));
    story.link(link(1, 1), until(BEGIN + Millis::minutes(90))).await;
    let ended = "session erase 1440";
    assert_eq!(
        scheduled(&world).await,
        ["link expire 90", "link warn 80", ended, "session expire 60", "session idle 30", "session reschedule 1"]
    );
    story.session(session(1, 1), link(1, 1), session::Command::Reschedule { expires_at: BEGIN + Millis::minutes(90) }).await;
    assert_eq!(scheduled(&world).await, ["link expire 90", "link warn 80", ended, "session expire 90", "session idle 30"]);

    // Admitted and started under the old settings: the session is told at its start.
    story.link(link(1, 1), until(BEGIN + Millis::minutes(80))).await;
    story.session(session(1, 1), link(1, 1), session::Command::Reschedule { expires_at: BEGIN + Millis::minutes(80) }).await;
    story.start(link(1, 1), session(1, 3)).await;
    assert!(scheduled(&world).await.contains(&"session reschedule 1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_tells_of_its_end_once_for_each_end() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    assert_eq!(scheduled(&world).await, ["link expire 60", "link warn 50"]);
    story.wait(Millis::minutes(50));
    story.link(link(1, 1), Command::Warn).await;
    assert_eq!(scheduled(&world).await, ["link expire 60"]);
    story.link(link(1, 1), until(BEGIN + Millis::minutes(90))).await;
    assert_eq!(scheduled(&world).await, ["link expire 90", "link warn 80"]);
    story.link(link(1, 1), until(BEGIN + Millis::minutes(60))).await;
    assert_eq!(scheduled(&world).await, ["link expire 60"], "whoever sets an end that near knows it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_link_ends_its_sessions_and_then_goes() {
    let world = World::start().await;
    let mut story = started(&world).await;
    story.wait(Millis::minutes(2));
    story.link(link(1, 1), Command::Revoke { end_sessions: true, farewell: None }).await;
    assert_eq!(scheduled(&world).await, ["link erase 1442", "session end_with_link 2", "session expire 60", "session idle 30"]);
    story.wait(Millis::minutes(1));
    story.session(session(1, 1), link(1, 1), session::Command::End { reason: EndReason::LinkRevoked, farewell: None }).await;
    assert_eq!(scheduled(&world).await, ["link erase 1442", "session erase 1443", "session release 3"]);
    story.release(link(1, 1), session(1, 1), Release::Left).await;
    assert_eq!(scheduled(&world).await, ["link erase 1443", "session erase 1443"]);
    story.wait(Millis::minutes(1_440));
    story.link(link(1, 1), Command::Erase).await;
    story.session(session(1, 1), link(1, 1), session::Command::Erase { requested: false }).await;
    assert_eq!(scheduled(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_closed_to_newcomers_waits_for_those_who_may_come_back() {
    let world = World::start().await;
    let mut story = started(&world).await;
    story.link(link(1, 1), Command::Revoke { end_sessions: false, farewell: None }).await;
    assert_eq!(scheduled(&world).await, ["link erase 1500", "session expire 60", "session idle 30"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_leaves_the_end_to_its_sessions() {
    let world = World::start().await;
    let mut story = started(&world).await;
    story.wait(Millis::minutes(60));
    story.link(link(1, 1), Command::Expire).await;
    assert_eq!(scheduled(&world).await, ["link erase 1500", "session expire 60", "session idle 30"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_worker_put_off_stays_until_something_new_is_known() {
    let world = World::start().await;
    let mut story = started(&world).await;
    world.project().await;
    let put_off = "UPDATE scheduled SET due_at = due_at + '10 min', attempts = 3, lease_until = due_at WHERE purpose = 'idle'";
    sqlx::query(put_off).execute(&world.pool).await.unwrap();
    story.say(link(1, 1), session(1, 1), session::Author::Chatter, "hello").await;
    assert!(scheduled(&world).await.contains(&"session idle 40".to_owned()), "a message does not touch it");
    story.wait(Millis::minutes(1));
    story.say(link(1, 1), session(1, 1), session::Author::Agent(crate::story::key(1)), "hello").await;
    story.wait(Millis::minutes(30));
    story.session(session(1, 1), link(1, 1), session::Command::GoIdle).await;
    story.session(session(1, 1), link(1, 1), session::Command::Resume { start_before: story.now + Millis::minutes(1) }).await;
    assert!(scheduled(&world).await.contains(&"session idle 61".to_owned()));
    let fresh: bool = sqlx::query_scalar("SELECT attempts = 0 AND lease_until IS NULL FROM scheduled WHERE purpose = 'idle'")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert!(fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_deadline_of_a_sessions_questions_is_scheduled_and_so_is_a_planned_end() {
    let world = World::start().await;
    let mut story = started(&world).await;
    let (at_link, at_session) = (link(1, 1), session(1, 1));
    let timers = async || scheduled(&world).await.into_iter().filter(|row| row.starts_with("session")).collect::<Vec<_>>();
    for (n, within) in [(1, 9), (2, 4), (3, 20)] {
        let wish = session::Wish { answer_within: Some(Millis::minutes(within)), ..session::Wish::default() };
        let (from, form) = (session::Author::Agent(key(1)), sealed("form"));
        let ask = session::Command::Ask { question: question(n), from, form, fields: 1, required: 1, wish };
        story.session(at_session, at_link, ask).await;
    }
    assert_eq!(timers().await, ["session expire 60", "session idle 30", "session time_out_questions 4"]);
    let withdraw = |n| session::Command::Withdraw { question: question(n), reason: None };
    story.session(at_session, at_link, withdraw(3)).await;
    story.wait(Millis::minutes(4));
    story.session(at_session, at_link, session::Command::TimeOutQuestions).await;
    assert_eq!(timers().await, ["session expire 60", "session idle 30", "session time_out_questions 9"]);
    story.session(at_session, at_link, withdraw(1)).await;
    assert_eq!(timers().await, ["session expire 60", "session idle 30"]);

    let plan = || session::Command::PlanEnd { within: Millis::minutes(5), farewell: None };
    story.session(at_session, at_link, plan()).await;
    assert_eq!(timers().await, ["session end_as_planned 9", "session expire 60", "session idle 30"]);
    story.say(at_link, at_session, session::Author::Chatter, "wait").await;
    assert_eq!(timers().await, ["session expire 60", "session idle 30"]);
    story.session(at_session, at_link, plan()).await;
    story.wait(Millis::minutes(5));
    story.session(at_session, at_link, session::Command::EndAsPlanned).await;
    let left = timers().await;
    assert!(left.iter().all(|row| row.starts_with("session erase") || row.starts_with("session release")), "{left:?}");
}
