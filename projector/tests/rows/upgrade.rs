//! Rows of an earlier release: what it left is made again from the log, and nothing of it is carried out meanwhile.

use std::fs;
use std::path::Path;

use servers::DataDir;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgPool};

use crate::dump::everything;
use crate::story::Story;
use crate::world::World;

/// Brings a database to the schema as it was when links had a column for each setting.
async fn migrate_to_version_4(pool: &PgPool) {
    let earlier = DataDir::temporary().unwrap();
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sql");
    for file in fs::read_dir(all).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name < "0005" {
            fs::copy(&file, earlier.path().join(name)).unwrap();
        }
    }
    Migrator::new(earlier.path()).await.unwrap().run(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_a_column_for_each_setting_are_made_again() {
    let world = World::without_schema().await;
    let mut story = Story::on(&world.backbone);
    for n in 1..=2 {
        story.all(n, 5).await;
    }
    migrate_to_version_4(&world.pool).await;
    for shard in world.backbone.shards() {
        let (epoch, end) = (world.backbone.epoch(shard), world.backbone.end(shard).await.unwrap());
        let left = format!(
            "INSERT INTO checkpoint (shard, epoch, sequence, running, previous, held_until)
             VALUES ({shard}, '\\x{epoch}', {end}, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 0);
             INSERT INTO link (
                id, agent, shard, status, title, has_passcode, expires_at, max_sessions_at_once, max_messages_per_session,
                messages_per_minute, idle_timeout_ms, keep_after_end_ms, allowed_origins, rotation, admitted, places_taken, opened_at,
                opened_sequence, ends_sessions, sequence
             ) VALUES (
                gen_random_uuid(), gen_random_uuid(), {shard}, 'active', 'sealed', false, now(), 1, 1, 1, 1, 1, '{{}}', 0, 0, 0, now(), 1,
                false, 1
             );
             INSERT INTO scheduled (target_kind, target, purpose, agent, link, shard, due_at, version)
             SELECT 'link', id, 'expire', agent, id, shard, expires_at, 1 FROM link WHERE shard = {shard}"
        );
        sqlx::raw_sql(AssertSqlSafe(left)).execute(&world.pool).await.unwrap();
    }

    migrations::run(&world.pool).await.unwrap();
    let due: i64 = sqlx::query_scalar("SELECT count(*) FROM scheduled").fetch_one(&world.pool).await.unwrap();
    assert_eq!(due, 0);
    world.project().await;
    let after = everything(&world.pool).await;
    for shard in world.backbone.shards() {
        let end = i64::try_from(world.backbone.end(shard).await.unwrap()).unwrap();
        let held_until = "SELECT held_until FROM checkpoint WHERE shard = $1";
        let held_until: i64 = sqlx::query_scalar(held_until).bind(i32::from(shard.0)).fetch_one(&world.pool).await.unwrap();
        assert_eq!(held_until, end, "scheduled commands waited for the whole log");
        projector::rebuild(&world.backbone, &world.pool, shard, |_| ()).await.unwrap();
    }
    assert_eq!(everything(&world.pool).await, after);
}
