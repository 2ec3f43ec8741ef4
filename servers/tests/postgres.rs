//! A PostgreSQL of our own: starts, stops, comes back, also where its account cannot enter the data folder.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use servers::{DataDir, Error, Postgres, PostgresOptions};
use sqlx::{Connection, PgConnection};

fn quick() -> PostgresOptions {
    PostgresOptions { durable: false, ..PostgresOptions::default() }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a client with the URL's password connects")
}

/// Removes what lies outside the data folder, where anything does.
fn remove(data: &DataDir) {
    if let Ok(place) = fs::read_link(data.join("postgres")) {
        fs::remove_dir_all(place).expect("nobody uses it any more");
    }
}

#[tokio::test]
async fn a_row_survives_a_stop_and_a_kill() {
    let data = DataDir::temporary().unwrap();
    let server = Postgres::start(&data, PostgresOptions::default()).await.unwrap();
    let mut connection = connect(server.url()).await;
    sqlx::raw_sql("CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)").execute(&mut connection).await.unwrap();
    server.stop().await;

    let server = Postgres::start(&data, PostgresOptions::default()).await.unwrap();
    let mut connection = connect(server.url()).await;
    sqlx::raw_sql("INSERT INTO kept VALUES (2)").execute(&mut connection).await.unwrap();
    server.kill_now().await;

    let server = Postgres::start(&data, PostgresOptions::default()).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut connect(server.url()).await).await.unwrap();
    assert_eq!(kept, 2);
    server.stop().await;
}

#[tokio::test]
async fn every_test_can_have_a_database() {
    let data = DataDir::temporary().unwrap();
    let server = Postgres::start(&data, quick()).await.unwrap();
    let (one, two) = tokio::join!(server.create_database("one"), server.create_database("two"));
    let mut one = connect(&one.unwrap()).await;
    sqlx::raw_sql("CREATE TABLE t ()").execute(&mut one).await.unwrap();
    let mut two = connect(&two.unwrap()).await;
    sqlx::raw_sql("CREATE TABLE t ()").execute(&mut two).await.unwrap();
    // Asked for again it is the same one.
    let mut again = connect(&server.create_database("one").await.unwrap()).await;
    sqlx::raw_sql("SELECT FROM t").execute(&mut again).await.unwrap();
    let refused = server.create_database("no\"name").await.unwrap_err();
    assert!(matches!(refused, Error::DatabaseName { .. }), "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn rows_of_another_major_version_are_left_alone() {
    let data = DataDir::temporary().unwrap();
    Postgres::start(&data, quick()).await.unwrap().stop().await;
    let version = data.join("postgres/data/PG_VERSION");
    fs::write(&version, "9.6\n").unwrap();
    let refused = Postgres::start(&data, quick()).await.unwrap_err();
    assert!(matches!(&refused, Error::OtherMajor { made_by, .. } if made_by == "9.6"), "{refused}");
}

#[tokio::test]
async fn an_interrupted_first_start_is_made_good() {
    let data = DataDir::temporary().unwrap();
    fs::create_dir_all(data.join("postgres/data.new/base")).unwrap();
    fs::write(data.join("postgres/data.new/PG_VERSION"), "15").unwrap();
    Postgres::start(&data, quick()).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_process_id_of_somebody_else_does_not_hold_the_start_up() {
    let data = DataDir::temporary().unwrap();
    let server = Postgres::start(&data, quick()).await.unwrap();
    let pid_file = data.join("postgres/data/postmaster.pid");
    let left = fs::read_to_string(&pid_file).unwrap();
    server.kill_now().await;
    let mut lines: Vec<&str> = left.lines().collect();
    let ours = std::process::id().to_string();
    lines[0] = &ours;
    fs::write(&pid_file, lines.join("\n")).unwrap();
    Postgres::start(&data, quick()).await.unwrap().stop().await;
}

/// As under `/root`: only a test that runs as root sees an account that cannot enter; as a plain user there is none.
#[tokio::test]
async fn a_home_that_others_cannot_enter_will_do() {
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    let folder = home.path().join("checkout/.tempchat");
    let data = DataDir::open(&folder).unwrap();
    Postgres::start(&data, quick()).await.unwrap().stop().await;
    drop(data);

    // The folder may be moved; what lies elsewhere follows.
    let moved = home.path().join("moved");
    fs::rename(&folder, &moved).unwrap();
    let data = DataDir::open(&moved).unwrap();
    let made = fs::metadata(data.join("postgres/data/PG_VERSION")).unwrap().modified().unwrap();
    Postgres::start(&data, quick()).await.unwrap().stop().await;
    assert_eq!(fs::metadata(data.join("postgres/data/PG_VERSION")).unwrap().modified().unwrap(), made);
    let open_to = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o067;
    assert_eq!((open_to(data.path()), open_to(&data.join("postgres"))), (0, 0));
    remove(&data);
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_will_do() {
    let home = tempfile::tempdir().unwrap();
    let data = DataDir::open(&home.path().join("long".repeat(30))).unwrap();
    let server = Postgres::start(&data, quick()).await.unwrap();
    connect(server.url()).await;
    server.stop().await;
    remove(&data);
}
