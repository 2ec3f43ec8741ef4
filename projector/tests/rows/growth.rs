//! What taking a commit in costs depends on what it changes, never on what was: with no statistics at all, for every kind of commit that
//! somebody waits for.

use domain::session::{Author, Command, EndReason, Reader, Wish};
use domain::{Millis, link as links};
use follower::Follower;
use projector::Projector;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

use crate::story::{Story, agent, key, link, question, sealed, session};
use crate::world::World;

/// How many sessions are over, 50 on each link.
const PASTS: [u32; 3] = [50, 1_000, 5_000];
/// How many rows and index entries a commit may touch, whatever there is.
const TOUCHES: i64 = 200;

/// A projector with one connection, which tells what it touched.
struct Projecting {
    pool: PgPool,
    projector: Follower,
    stop: CancellationToken,
}

impl Projecting {
    async fn start(world: &World) -> Self {
        for setting in ["ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"] {
            sqlx::query(setting).execute(&world.pool).await.unwrap();
        }
        let one = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = one.connect_with(world.pool.connect_options().as_ref().clone()).await.unwrap();
        let stop = CancellationToken::new();
        Self { projector: Projector::start(&world.backbone, &pool, &stop), pool, stop }
    }

    /// Waits until all is taken in, and returns how many rows and index entries were touched so far.
    async fn touched(&self, world: &World) -> i64 {
        world.caught_up(&self.projector).await;
        // Told by this very connection, so nothing is still to come.
        sqlx::query("SELECT pg_stat_force_next_flush()").execute(&self.pool).await.unwrap();
        let touched = "SELECT (
            (SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables)
            + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
        )::BIGINT";
        sqlx::query_scalar(touched).fetch_one(&self.pool).await.unwrap()
    }
}

/// Lets the agent have past sessions, from one number to another: each was read by the key, has ended, and waits to be erased.
async fn add_past(pool: &PgPool, from: u32, to: u32) {
    let new = format!("started_sequence > 1000000 + {from} * 10");
    for step in [
        format!(
            "INSERT INTO link (
                id, agent, shard, status, title, agent_name, settings, expires_at, rotation, admitted, places_taken, opened_at,
                opened_sequence, closed_at, ends_sessions, sequence
            )
            SELECT md5('link' || n)::UUID, agent, shard, 'revoked', title, agent_name, settings, expires_at, 1, 50, 0, opened_at,
                1000000 + n * 1000, now(), true, 1000000 + n * 1000
            FROM generate_series({from} / 50 + 1, {to} / 50) AS n, (SELECT * FROM link ORDER BY opened_sequence LIMIT 1) AS link"
        ),
        format!(
            "INSERT INTO session (
                id, agent, link, shard, status, started_at, started_sequence, expires_at, max_messages, messages_per_minute,
                idle_timeout_ms, keep_after_end_ms, chatter_messages, agent_messages, last_word_at, ended_at, end_reason, sequence
            )
            SELECT md5('session' || n)::UUID, agent.id, md5('link' || (n - 1) / 50 + 1)::UUID, shard, 'ended', now(), 1000000 + n * 10,
                now() + INTERVAL '1 hour', 5, 10, 1800000, 86400000, 1, 1, now(), now(), 'agent_ended', 1000000 + n * 10
            FROM generate_series({from} + 1, {to}) AS n, agent"
        ),
        format!(
            "INSERT INTO event (shard, sequence, index, agent, link, session, at, type, actor, command, body)
            SELECT session.shard, started_sequence + step, 0, session.agent, link, id, now(), 'session.message_posted', 'chatter',
                gen_random_uuid(), ''
            FROM session, generate_series(0, 4) AS step
            WHERE {new}"
        ),
        format!(
            "INSERT INTO read_mark (session, key, agent, link, shard, upto, at, sequence)
            SELECT session.id, agent_key.id, session.agent, session.link, session.shard, started_sequence + 4, now(), started_sequence + 4
            FROM session, agent_key
            WHERE {new}"
        ),
        format!(
            "INSERT INTO question (id, session, agent, link, shard, asked_at, fields, required, answered, answers, closed, sequence)
            SELECT gen_random_uuid(), id, agent, link, shard, now(), 2, 1, 1, 1, true, 1 FROM session WHERE {new}"
        ),
        format!(
            "INSERT INTO scheduled (target_kind, target, purpose, agent, link, shard, due_at, version)
            SELECT 'session', id, 'erase', agent, link, shard, now() + INTERVAL '1 day', 1 FROM session WHERE {new}"
        ),
    ] {
        sqlx::query(AssertSqlSafe(step)).execute(pool).await.unwrap();
    }
}

/// Tells of one chat on a link of its own all that an agent and a chatter wait for; returns what each commit touched.
async fn chat(world: &World, projecting: &Projecting, story: &mut Story, n: u8) -> Vec<(&'static str, i64)> {
    let (link, session) = (link(1, n), session(1, n));
    let mut costs = Vec::new();
    macro_rules! take_in {
        ($name:literal, $told:expr) => {
            let before = projecting.touched(world).await;
            $told.await;
            costs.push(($name, projecting.touched(world).await - before));
        };
    }
    take_in!("a link is opened", story.open(link));
    take_in!("somebody is admitted, and starts", story.start(link, session));
    take_in!("the chatter writes", story.say(link, session, Author::Chatter, "hello"));
    take_in!("the agent writes", story.say(link, session, Author::Agent(key(1)), "good day"));
    let upto = story.say(link, session, Author::Chatter, "and now?").await;
    take_in!("the agent reads", story.session(session, link, Command::MarkRead { by: Reader::Agent(key(1)), upto: upto.into() }));
    let ask = Command::Ask {
        question: question(n),
        from: Author::Agent(key(1)),
        form: sealed("form"),
        fields: 2,
        required: 1,
        wish: Wish::default(),
    };
    take_in!("the agent asks", story.session(session, link, ask));
    let answer = Command::Answer { question: question(n), values: sealed("values"), answered: 1, withdrawn: 0 };
    take_in!("the chatter answers", story.session(session, link, answer));
    take_in!("a link is paused", story.link(link, links::Command::Pause));
    let end = Command::End { reason: EndReason::AgentEnded, farewell: None };
    take_in!("a session ends", story.session(session, link, end));
    take_in!("it is rated", story.session(session, link, Command::Rate { rating: 4, feedback: None }));
    take_in!("its place is given back", story.release(link, session, links::Release::Left));
    take_in!("it is erased", story.session(session, link, Command::Erase { requested: true }));
    take_in!("a link is revoked", story.link(link, links::Command::Revoke { end_sessions: true, farewell: None }));
    costs
}

#[tokio::test(flavor = "multi_thread")]
async fn no_commit_touches_more_than_what_it_changes() {
    use domain::agent::{Agent, Command as AgentCommand, Grant};
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    let home = domain::Address::agent(agent(1));
    story.tell::<Agent>(home, None, AgentCommand::Register { name: "Ada".to_owned() }).await;
    let issue = AgentCommand::IssueKey { key: key(1), name: "key".to_owned(), hash: [1; 32], grant: Grant::default() };
    story.tell::<Agent>(home, None, issue).await;
    let projecting = Projecting::start(&world).await;
    chat(&world, &projecting, &mut story, 1).await;
    let mut from = 0;
    for (n, past) in (2..).zip(PASTS) {
        // By the projector's own connection, so that nothing of it is told later.
        add_past(&projecting.pool, from, past).await;
        from = past;
        story.wait(Millis::minutes(1));
        let costs = chat(&world, &projecting, &mut story, n).await;
        let too_much: Vec<_> = costs.iter().filter(|(_, touched)| *touched > TOUCHES).collect();
        assert!(too_much.is_empty(), "with {past} past sessions: {too_much:#?} of {costs:#?}");
    }
    let analyzed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_stats WHERE schemaname = 'public'").fetch_one(&world.pool).await.unwrap();
    assert_eq!(analyzed, 0, "there were statistics");
    projecting.stop.cancel();
    projecting.projector.finished().await;
}
