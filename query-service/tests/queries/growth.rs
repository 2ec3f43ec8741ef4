//! What a query costs depends on what is open and new, never on what was: with no statistics at all, and with plans that were kept since
//! the tables were empty.

use std::time::Duration;

use domain::link::Standing;
use domain::session::Author;
use query_service::{Filter, News, Queries, Range, Scope, SessionFilter, SessionStatus, Viewer};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::world::{ANY, World, agent, key, link, session, talk, uuid};

const ADA: Viewer = Viewer::Agent(agent(1));
const POSTED: &[&str] = &["session.message_posted"];
/// How many sessions are over when it is asked, 50 on each link.
const PASTS: [u32; 4] = [50, 300, 1_000, 5_000];
/// How many rows and index entries a query may touch, whatever there is: it answers with ten rows at most, and looks up what belongs to
/// each. Among a few hundred rows one index is as good as another without statistics.
const TOUCHES: i64 = 2_000;

/// PostgreSQL without statistics, and the one connection on which everything is asked, so that plans are kept.
struct Asker {
    pool: PgPool,
    queries: Queries,
    shard: nats::Shard,
}

impl Asker {
    async fn of(world: &World) -> Self {
        world.sql("ALTER SYSTEM SET autovacuum = off").await;
        world.sql("SELECT pg_reload_conf()").await;
        let options = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let options = options.acquire_timeout(Duration::from_mins(1));
        let pool = options.connect_with(world.pool.connect_options().as_ref().clone()).await.unwrap();
        Self { queries: Queries::new(pool.clone(), world.backbone.clone()), pool, shard: world.backbone.shard_of(agent(1)) }
    }

    /// Rows and index entries that were read so far.
    async fn touched(&self) -> i64 {
        // Told by this very connection, so nothing is still to come.
        sqlx::query("SELECT pg_stat_force_next_flush()").execute(&self.pool).await.unwrap();
        let touched = "SELECT (
            (SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables)
            + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
        )::BIGINT";
        sqlx::query_scalar(touched).fetch_one(&self.pool).await.unwrap()
    }
}

/// Asks everything that an agent's calls ask; tells of each query how much it touched.
async fn ask_all(asker: &Asker) -> Vec<(String, i64)> {
    let queries = &asker.queries;
    let mut costs = Vec::new();
    macro_rules! ask {
        ($name:expr, $query:expr) => {
            let before = asker.touched().await;
            $query.await.unwrap();
            costs.push(($name.to_owned(), asker.touched().await - before));
        };
    }
    let end = nats::Position { shard: asker.shard, sequence: u64::from(u32::MAX), index: 0 };
    // The past was told before.
    let recently = nats::Position { sequence: u64::from(u32::MAX) - 1, ..end };
    let viewers = [("", ADA), (" with a key of one link", Viewer::OnLink(agent(1), link(1)))];
    for (of, viewer) in viewers {
        for scope in [Scope::Agent, Scope::Link(link(1)), Scope::Session(session(1))] {
            ask!(
                format!("unacknowledged in {scope:?}{of}"),
                queries.unacknowledged(viewer, scope, key(agent(1)), POSTED, 10, ANY)
            );
            ask!(
                format!("news in {scope:?}{of}"),
                queries.news(viewer, scope, News { key: key(agent(1)), types: POSTED, after: recently }, 10, ANY)
            );
            ask!(format!("unread in {scope:?}{of}"), queries.unread(viewer, scope, key(agent(1)), POSTED, end, ANY));
            ask!(format!("open sessions in {scope:?}{of}"), queries.open_sessions(viewer, scope, key(agent(1)), 10, ANY));
        }
        for link in [None, Some(link(1))] {
            ask!(format!("joinable links, {link:?}{of}"), queries.joinable_links(viewer, link, 10, ANY));
            for status in [
                None,
                Some(SessionStatus::Active),
                Some(SessionStatus::Idle),
                Some(SessionStatus::Ended),
                Some(SessionStatus::Erased),
            ] {
                let filter = SessionFilter { link, status };
                ask!(format!("sessions, {status:?} of {link:?}{of}"), queries.sessions(viewer, filter, None, 10, ANY));
            }
        }
        for standing in [None].into_iter().chain(Standing::ALL.map(Some)) {
            ask!(format!("links, {standing:?}{of}"), queries.links(viewer, standing, None, 10, ANY));
        }
        ask!(format!("newest links{of}"), queries.newest_links(viewer, None, 10, ANY));
        ask!(format!("newest sessions{of}"), queries.newest_sessions(viewer, None, 10, ANY));
        ask!(format!("a link{of}"), queries.link(viewer, link(1), ANY));
        ask!(format!("a session{of}"), queries.session(viewer, session(1), ANY));
        ask!(format!("a link's scope{of}"), queries.link_scope(viewer, link(1), ANY));
        ask!(format!("a session's scope{of}"), queries.session_scope(viewer, session(1), ANY));
        for range in [Range::Newest, Range::After(None)] {
            ask!(format!("events, {range:?}{of}"), queries.events(viewer, session(1), range, Filter::default(), 10, ANY));
        }
        for link in [None, Some(link(1))] {
            ask!(format!("figures of {link:?}{of}"), queries.analytics(viewer, link, domain::Timestamp(0), 31, ANY));
        }
    }
    ask!("answers", queries.answers(agent(1), &[session(1), session(2)], 10, ANY));
    ask!("a link's answers", queries.link_answers(agent(1), link(1), None, ANY));
    let chatter = Viewer::Session(agent(1), session(1));
    ask!("a chatter's session", queries.session(chatter, session(1), ANY));
    ask!("a chatter's events", queries.events(chatter, session(1), Range::Newest, Filter::default(), 10, ANY));
    costs
}

/// Lets the agent have past sessions, from one number to another: each began, was read by the key, ended, and some were erased; their links are closed.
async fn add_past(world: &World, from: u32, to: u32) {
    let (ada, own, shard) = (uuid(agent(1).bytes()), uuid(key(agent(1)).bytes()), world.backbone.shard_of(agent(1)));
    let body = "(SELECT body FROM event WHERE type = 'session.message_posted' LIMIT 1)";
    for step in [
        format!(
            "INSERT INTO link (
                id, agent, shard, status, title, agent_name, settings, expires_at, rotation, admitted, places_taken, opened_at,
                opened_sequence, ends_sessions, sequence
            )
            SELECT md5('link' || n)::UUID, agent, shard, 'active', title, agent_name, settings, expires_at, 1, 50, 0, now(),
                10000 + n * 1000, false, 10000 + n * 1000
            FROM generate_series({from} / 50 + 1, {to} / 50) AS n, link
            WHERE id = '{link}'",
            link = uuid(link(1).bytes())
        ),
        format!(
            "INSERT INTO session (
                id, agent, link, shard, status, started_at, started_sequence, expires_at, max_messages, messages_per_minute,
                idle_timeout_ms, keep_after_end_ms, chatter_messages, agent_messages, last_word_at, sequence
            )
            SELECT md5('session' || n)::UUID, '{ada}', md5('link' || (n - 1) / 50 + 1)::UUID, {shard}, 'active', now(), 10000 + n * 10,
                now() + INTERVAL '1 hour', 5, 10, 1800000, 86400000, 1, 1, now(), 10000 + n * 10
            FROM generate_series({from} + 1, {to}) AS n"
        ),
        format!(
            "INSERT INTO event (shard, sequence, index, agent, link, session, at, type, actor, key, command, body)
            SELECT shard, started_sequence + step, 0, agent, link, id, now(),
                (ARRAY['session.started', 'session.message_posted', 'session.marked_read', 'session.message_posted', 'session.ended'])[1 + step],
                CASE WHEN step < 2 THEN 'chatter' ELSE 'agent' END, CASE WHEN step < 2 THEN NULL ELSE '{own}'::UUID END,
                md5('command' || started_sequence || step)::UUID, {body}
            FROM session, generate_series(0, 4) AS step
            WHERE started_sequence > 10000 + {from} * 10"
        ),
        format!(
            "INSERT INTO unread (session, key, agent, link, shard, since)
            SELECT id, '{own}', agent, link, shard, started_sequence FROM session WHERE started_sequence > 10000 + {from} * 10"
        ),
        format!(
            "INSERT INTO read_mark (session, key, agent, link, shard, upto, at, sequence)
            SELECT id, '{own}', agent, link, shard, started_sequence + 1, now(), started_sequence + 2
            FROM session WHERE started_sequence > 10000 + {from} * 10"
        ),
        "DELETE FROM unread WHERE since > 10000".to_owned(),
        format!("UPDATE session
        SET status = CASE WHEN started_sequence % 20 = 0 THEN 'erased' ELSE 'ended' END, ended_at = now(), end_reason = 'agent_ended',
            sequence = started_sequence + 4
        WHERE started_sequence > 10000 + {from} * 10"),
        format!("UPDATE link SET status = 'erased', closed_at = now() WHERE opened_sequence > 10000 + {from} * 20"),
        // Over a hundred days.
        format!(
            "INSERT INTO session_sum AS known
            SELECT '{ada}', CURRENT_DATE - n % 100, 'agent_ended', {shard}, count(*), count(*), 0, count(*), count(*), 0, 0, 0
            FROM generate_series({from} + 1, {to}) AS n
            GROUP BY n % 100
            ON CONFLICT (agent, day, end_reason) DO UPDATE SET sessions = known.sessions + excluded.sessions"
        ),
        format!(
            "INSERT INTO session_duration AS known
            SELECT '{ada}', CURRENT_DATE - n % 100, 'length', duration_bucket(300000), {shard}, count(*)
            FROM generate_series({from} + 1, {to}) AS n
            GROUP BY n % 100
            ON CONFLICT (agent, day, measure, bucket) DO UPDATE SET sessions = known.sessions + excluded.sessions"
        ),
        format!(
            "INSERT INTO link_sum AS known
            SELECT '{ada}', CURRENT_DATE - n % 100, {shard}, count(*)
            FROM generate_series({from} / 50 + 1, {to} / 50) AS n
            GROUP BY n % 100
            ON CONFLICT (agent, day) DO UPDATE SET links = known.links + excluded.links"
        ),
    ] {
        world.sql(step).await;
    }
}

#[tokio::test]
async fn no_query_touches_more_than_what_is_open_and_new() {
    let world = World::start().await;
    let asker = Asker::of(&world).await;
    world.agent(agent(1), "Ada").await;
    // PostgreSQL keeps a plan from the sixth time on.
    for _ in 0..7 {
        ask_all(&asker).await;
    }
    world.link(agent(1), link(1)).await;
    for n in 1..=2 {
        world.session(agent(1), link(1), session(n)).await;
        world.say(talk(1, n), Author::Chatter, &["hello"]).await;
    }
    let mut from = 0;
    for past in PASTS {
        add_past(&world, from, past).await;
        from = past;
        // Whoever comes first passes by what lived and lives no more; it marks that as dead.
        ask_all(&asker).await;
        let costs = ask_all(&asker).await;
        let too_much: Vec<_> =
            costs.iter().filter(|(_, touched)| *touched > TOUCHES).map(|(query, cost)| format!("{query}: {cost}")).collect();
        assert!(too_much.is_empty(), "with {past} past sessions: {too_much:#?}");
    }
    let analyzed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_stats WHERE schemaname = 'public'").fetch_one(&world.pool).await.unwrap();
    assert_eq!(analyzed, 0, "there were statistics");
}
