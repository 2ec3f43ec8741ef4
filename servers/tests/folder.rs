//! The data folder: one instance, closed to others; and what is said of servers that will not do.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use servers::{DataDir, Error, NatsOptions, NatsServer, Postgres, PostgresOptions, Running};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_second_instance_is_told_who_has_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let first = DataDir::open(&folder).unwrap();
    let refused = DataDir::open(&folder).unwrap_err();
    assert!(matches!(&refused, Error::InUse { holder, .. } if *holder == std::process::id().to_string()), "{refused}");
    drop(first);
    DataDir::open(&folder).unwrap();
}

#[test]
fn a_lock_that_is_held_for_a_moment_keeps_nobody_out() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    drop(DataDir::open(&folder).unwrap());
    // On a busy machine a moment may last as long as the folder is waited for: then it comes again.
    loop {
        let passing = File::open(folder.join("tempchat.lock")).unwrap();
        passing.lock().unwrap();
        let (tell, told) = mpsc::channel();
        let (began, path) = (Instant::now(), folder.clone());
        let opener = thread::spawn(move || tell.send(DataDir::open(&path)).unwrap());
        let early = told.recv_timeout(Duration::from_millis(50));
        let was_brief = began.elapsed() < Duration::from_millis(400);
        assert!(early.is_err() || !was_brief, "it is waited for");
        drop(passing);
        let result = early.or_else(|_| told.recv()).unwrap();
        opener.join().unwrap();
        if was_brief {
            result.unwrap();
            return;
        }
    }
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("thesis.odt"), "years of work").unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    let refused = DataDir::open(home.path()).unwrap_err();
    assert!(matches!(&refused, Error::NotOurs { other, .. } if other == "thesis.odt"), "{refused}");
    assert_eq!(mode(home.path()), 0o755);
}

#[test]
fn settings_and_a_restored_log_may_be_there_before_the_first_start() {
    let home = tempfile::tempdir().unwrap();
    for file in ["tempchat.toml", "secrets.json"] {
        fs::write(home.path().join(file), "").unwrap();
    }
    for folder in ["nats", "lost+found"] {
        fs::create_dir(home.path().join(folder)).unwrap();
    }
    let data = DataDir::open(home.path()).unwrap();
    assert!(data.join("tempchat.toml").exists());
    assert_eq!(mode(home.path()) & 0o007, 0, "it is closed to others");
}

#[test]
fn a_folder_that_others_may_have_filled_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let theirs = if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(home.path(), Some(65_534), None).unwrap();
        home.path()
    } else {
        Path::new("/")
    };
    let refused = DataDir::open(theirs).unwrap_err();
    assert!(matches!(refused, Error::NotPrivate { .. }), "{refused}");

    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), Permissions::from_mode(0o777)).unwrap();
    drop(DataDir::open(open.path()).unwrap());
    assert_eq!(mode(open.path()), 0o700, "an empty one is closed");
    fs::set_permissions(open.path(), Permissions::from_mode(0o777)).unwrap();
    let refused = DataDir::open(open.path()).unwrap_err();
    assert!(matches!(refused, Error::NotPrivate { .. }), "{refused}");
}

#[test]
fn a_lock_that_leads_elsewhere_is_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let (folder, victim) = (home.path().join("data"), home.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&victim, folder.join("tempchat.lock")).unwrap();
    DataDir::open(&folder).unwrap_err();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn folder_and_secrets_are_closed_to_others() {
    let data = DataDir::temporary().unwrap();
    let secret = data.secret("a").unwrap();
    assert_eq!(data.secret("a").unwrap(), secret);
    assert_ne!(data.secret("b").unwrap(), secret);
    assert_eq!((mode(data.path()), mode(&data.join("a"))), (0o700, 0o600));
}

#[tokio::test]
async fn a_second_command_finds_the_running_servers() {
    let data = DataDir::temporary().unwrap();
    let server = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let running = Running::on(data.path()).unwrap();
    assert_eq!(running.nats_url.as_deref(), Some(server.url()));
    assert!(Running::on(Path::new("/nowhere")).is_none());
    server.stop().await;
}

/// Makes a program that prints `printed`, as a server of the outside world would, in a folder that every account can enter.
fn program(folder: &Path, name: &str, printed: &str) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    fs::write(folder.join(name), format!("#!/bin/sh\necho '{printed}'\n"))?;
    fs::set_permissions(folder.join(name), Permissions::from_mode(0o755))
}

#[tokio::test]
async fn a_nats_server_that_is_too_old_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "nats-server", "nats-server: v2.9.10").unwrap();
    let data = DataDir::temporary().unwrap();
    let options = NatsOptions { binary: Some(folder.path().join("nats-server")), ..NatsOptions::default() };
    let refused = NatsServer::start(&data, options).await.unwrap_err().to_string();
    assert!(refused.contains("nats-server 2.9.10") && refused.contains("2.11 or newer"), "{refused}");
}

#[tokio::test]
async fn a_postgres_that_is_too_old_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "postgres", "postgres (PostgreSQL) 14.9 (Ubuntu 14.9-0ubuntu0.22.04.1)").unwrap();
    let data = DataDir::temporary().unwrap();
    let options = PostgresOptions { bin: Some(folder.path().to_owned()), ..PostgresOptions::default() };
    let refused = Postgres::start(&data, options).await.unwrap_err().to_string();
    assert!(refused.contains("PostgreSQL 14.9") && refused.contains("15 or newer"), "{refused}");
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_told() {
    let data = DataDir::temporary().unwrap();
    let options = NatsOptions { binary: Some("/nowhere/nats-server".into()), ..NatsOptions::default() };
    let refused = NatsServer::start(&data, options).await.unwrap_err();
    assert!(matches!(refused, Error::CannotRun { .. }), "{refused}");
}
