use command_service::{End, NewLink};
use domain::session::Session;
use domain::{LinkId, Millis, SessionId, Target};
use nats::Actor;
use sqlx::postgres::PgPoolOptions;

use super::{NOW, Scene};
use crate::rows::Row;
use crate::world::{Chat, an_hour, started, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_due_yet_waits_until_it_is() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(an_hour()).await;
    scene.for_session(chat, "expire").await;
    let worker = scene.work().await;
    let row =
        until("the new time", async || scene.rows.row(chat.session.bytes(), "expire").await.filter(|row| row.due_in > 0)).await;
    worker.stop().await;
    assert!((3_500_000..=3_600_000).contains(&row.due_in), "{row:?}");
    assert_eq!((row.is_leased, row.attempts, row.version, row.last_error), (false, 0, 1, None));
    assert_eq!(scene.process.names(chat.address()).await, ["session.started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_carry_out_each_command_once() {
    let scene = Scene::set().await;
    scene
        .rows
        .sql(
            "CREATE TABLE claim (target UUID, purpose TEXT);
            CREATE FUNCTION claimed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO public.claim VALUES (NEW.target, NEW.purpose);
                RETURN NEW;
            END $$;
            CREATE TRIGGER claimed AFTER UPDATE ON scheduled FOR EACH ROW WHEN (NEW.lease_until IS NOT NULL) EXECUTE FUNCTION claimed();
            GRANT INSERT ON claim TO tempchat_writer",
        )
        .await;
    let agent = scene.process.agent().await;
    let new = NewLink { expires_at: End::In(Millis(600_000)), max_sessions_at_once: 50, ..an_hour() };
    let link = scene.process.link(agent, new).await;
    // Two pages of claims and some more.
    for n in 0..150_u8 {
        let mut id = [7; 16];
        id[0] = n;
        let chat = Chat { agent, link, session: SessionId::new(id) };
        scene.process.record::<Session>(chat.address(), link, vec![started(link)], NOW).await;
        scene.for_session(chat, "end_with_link").await;
    }
    let workers = [scene.work().await, scene.work().await];
    until("the end", async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM scheduled").fetch_one(&scene.rows.pool).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
    let claims: (i64, i64) = sqlx::query_as("SELECT count(*), count(DISTINCT (target, purpose)) FROM claim")
        .fetch_one(&scene.rows.pool)
        .await
        .unwrap();
    assert_eq!(claims, (150, 150));
    // An agent, a link, and two commits for each session.
    assert_eq!(scene.process.commits().await, 2 + 2 * 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_changed_meanwhile_is_left_alone() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(an_hour()).await;
    let worker = scene.work().await;
    // One that was carried out shows that the worker knows where the log ended.
    scene.for_session(chat, "release").await;
    scene.rows.done(chat.session.bytes(), "release").await;
    // Claimed, but the log is silent while the projector learns something newer.
    scene.world.freeze();
    scene.for_session(chat, "end_with_link").await;
    let row = || scene.rows.row(chat.session.bytes(), "end_with_link");
    until("the claim", async || row().await.filter(|row| row.is_leased)).await;
    scene
        .rows
        .sql("UPDATE scheduled SET version = 2, lease_until = NULL, attempts = 0, due_at = now() + INTERVAL '1 hour'")
        .await;
    scene.world.thaw();
    until("the end of the chat", async || (scene.process.names(chat.address()).await.len() > 1).then_some(())).await;
    worker.stop().await;
    let row = scene.rows.row(chat.session.bytes(), "end_with_link").await.unwrap();
    assert_eq!((row.version, row.is_leased, row.attempts), (2, false, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_worker_died_is_taken_over() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(an_hour()).await;
    scene.for_session(chat, "end_with_link").await;
    scene.rows.sql("UPDATE scheduled SET lease_until = now() + INTERVAL '400 milliseconds', attempts = 1").await;
    let worker = scene.work().await;
    scene.rows.done(chat.session.bytes(), "end_with_link").await;
    worker.stop().await;
}

/// Revokes a link with a farewell that nobody can read any more.
async fn unreadable_farewell(scene: &Scene) -> Chat {
    let chat = scene.process.chat(an_hour()).await;
    scene.process.commands.revoke_link(chat.agent, Actor::Operator, chat.link, true, Some("bye")).await.unwrap();
    scene.process.backbone.keys().destroy(chat.at_link()).await.unwrap();
    scene.process.backbone.keys().create(chat.at_link()).await.unwrap();
    scene.for_session(chat, "end_with_link").await;
    chat
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_later_and_ends_as_a_dead_letter() {
    let scene = Scene::set().await;
    let chat = unreadable_farewell(&scene).await;
    let worker = scene.work().await;
    let look = async || scene.rows.row(chat.session.bytes(), "end_with_link").await.unwrap();
    // Whoever looks late sees a later one, or one that is due already.
    let failures = async |least: i32| {
        let failed = |row: &Row| row.last_error.is_some() && row.attempts >= least && !row.is_leased;
        let row = until("a failure", async || Some(look().await).filter(failed)).await;
        assert!(!row.is_dead && row.due_in <= 1_000 << (row.attempts - 1).min(16), "{row:?}");
    };
    failures(1).await;
    failures(2).await;
    scene.rows.sql("UPDATE scheduled SET attempts = 19, due_at = now()").await;
    let row = until("the end", async || Some(look().await).filter(|row| row.is_dead)).await;
    assert_eq!(row.attempts, 20);
    // A dead letter is not touched again; another command is.
    scene.rows.sql("UPDATE scheduled SET due_at = now() - INTERVAL '1 hour'").await;
    let other = scene.process.chat(an_hour()).await;
    scene.for_session(other, "end_with_link").await;
    scene.rows.done(other.session.bytes(), "end_with_link").await;
    worker.stop().await;
    assert_eq!(look().await.attempts, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_never_given_up() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(an_hour()).await;
    // What nobody can read stands in its way.
    let jetstream = async_nats::jetstream::new(nats::bare_client(scene.world.nats.url()).await.unwrap());
    let shard = scene.process.backbone.shard_of(chat.agent);
    let subject = format!("event.{shard}.{}.session.{}", chat.agent, chat.session);
    jetstream.publish(subject, "not a commit".into()).await.unwrap().await.unwrap();
    scene.for_session(chat, "erase").await;
    scene.rows.sql("UPDATE scheduled SET attempts = 19").await;
    let worker = scene.work().await;
    let settled = async |attempts: i32| {
        let row = until("a failure", async || {
            scene.rows.row(chat.session.bytes(), "erase").await.filter(|row| row.attempts >= attempts && !row.is_leased)
        });
        row.await
    };
    let row = settled(20).await;
    assert!(row.is_dead && row.attempts == 20 && row.due_in > 60_000, "it waits far longer than before: {row:?}");
    scene.rows.sql("UPDATE scheduled SET due_at = now()").await;
    let row = settled(21).await;
    assert!(row.is_dead && row.attempts == 21 && row.due_in > 60_000, "it is tried again, and stays to be seen: {row:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_log_kills_no_command() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(an_hour()).await;
    let worker = scene.work().await;
    // One that was carried out shows that the worker knows where the log ended.
    scene.for_session(chat, "release").await;
    scene.rows.done(chat.session.bytes(), "release").await;
    scene.world.freeze();
    scene.for_session(chat, "end_with_link").await;
    scene.rows.sql("UPDATE scheduled SET attempts = 30").await;
    let row = until("the delay", async || {
        scene.rows.row(chat.session.bytes(), "end_with_link").await.filter(|row| row.last_error.is_some())
    })
    .await;
    scene.world.thaw();
    assert_eq!((row.attempts, row.is_dead), (0, false));
    scene.rows.done(chat.session.bytes(), "end_with_link").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_carried_out_before_the_rows_have_caught_up_with_this_log() {
    let scene = Scene::set().await;
    // One agent in each shard.
    let mut chats = vec![];
    while chats.len() < 2 {
        let chat = scene.process.chat(an_hour()).await;
        if chats
            .iter()
            .all(|known: &Chat| scene.process.backbone.shard_of(known.agent) != scene.process.backbone.shard_of(chat.agent))
        {
            chats.push(chat);
        }
    }
    let (behind, ready) = (chats[0], chats[1]);
    scene.for_session(behind, "end_with_link").await;
    let shard = scene.process.backbone.shard_of(behind.agent);
    let worker = scene.work().await;
    scene.rows.done(behind.session.bytes(), "end_with_link").await;
    worker.stop().await;

    for (behind_by, cured_by) in [
        ("sequence = sequence - 1", "sequence = sequence + 1"),
        ("held_until = sequence + 1", "held_until = 0"),
        ("epoch = '\\x00112233445566778899aabbccddeeff'", ""),
    ] {
        scene.for_session(behind, "end_with_link").await;
        scene.for_session(ready, "end_with_link").await;
        scene.rows.caught_up(&scene.process.backbone).await;
        scene.rows.sql(format!("UPDATE checkpoint SET {behind_by} WHERE shard = {shard}")).await;
        let worker = scene.rows.worker(&scene.world.process().await.commands);
        scene.rows.done(ready.session.bytes(), "end_with_link").await;
        let row = scene.rows.row(behind.session.bytes(), "end_with_link").await.unwrap();
        assert_eq!((row.attempts, row.is_leased), (0, false), "{behind_by}");
        if !cured_by.is_empty() {
            scene.rows.sql(format!("UPDATE checkpoint SET {cured_by} WHERE shard = {shard}")).await;
            scene.rows.done(behind.session.bytes(), "end_with_link").await;
        }
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_struck_off() {
    let scene = Scene::set().await;
    let agent = scene.process.agent().await;
    let nothing = Chat { agent, link: LinkId::new([8; 16]), session: SessionId::new([9; 16]) };
    for purpose in [
        "release_unused",
        "release",
        "idle",
        "expire",
        "reschedule",
        "end_with_link",
        "time_out_questions",
        "end_as_planned",
        "erase",
    ] {
        scene.for_session(nothing, purpose).await;
    }
    for purpose in ["expire", "erase"] {
        scene.schedule(nothing, Target::Link(nothing.link), purpose, NOW).await;
    }
    let commits = scene.process.commits().await;
    let worker = scene.work().await;
    until("the end", async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM scheduled").fetch_one(&scene.rows.pool).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(scene.process.commits().await, commits);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_found_without_looking_through_what_is_not() {
    let mut scene = Scene::set().await;
    // One connection does and tells everything; there are no statistics.
    let one = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    scene.rows.pool = one.connect_with(scene.rows.pool.connect_options().as_ref().clone()).await.unwrap();
    scene.rows.sql("ALTER TABLE scheduled SET (autovacuum_enabled = off)").await;
    scene
        .rows
        .sql(
            "INSERT INTO scheduled (target_kind, target, purpose, agent, link, shard, due_at, version)
            SELECT 'session', gen_random_uuid(), 'erase', gen_random_uuid(), gen_random_uuid(), n % 2, now() + INTERVAL '1 day', 1
            FROM generate_series(1, 20000) AS n",
        )
        .await;
    let chat = scene.process.chat(an_hour()).await;
    let touched = async || {
        sqlx::query("SELECT pg_stat_force_next_flush()").execute(&scene.rows.pool).await.unwrap();
        let touched = "SELECT (
            (SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables)
            + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
        )::BIGINT";
        sqlx::query_scalar::<_, i64>(touched).fetch_one(&scene.rows.pool).await.unwrap()
    };
    let before = touched().await;
    scene.carry_out(chat, "end_with_link").await;
    let touched = touched().await - before;
    assert!(touched < 2_000, "{touched} rows and index entries");
}
