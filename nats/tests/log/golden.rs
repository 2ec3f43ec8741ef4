//! The bytes of every event version ever written, under `tests/golden`, in hexadecimal. A file there is never changed or deleted;
//! a new one is written by a run with `WRITE_GOLDEN=1`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use data_encoding::HEXLOWER_PERMISSIVE;
use domain::session::Session;
use nats::{AnyEvent, Head, Kind, Reserve, Scope};

use crate::samples;
use crate::world::{World, command, commit, posted, session};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_added_extension("hex")
}

/// Reads the bytes of a golden file; where there is none and it was asked for, `now` becomes them.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    let path = path(name);
    if !path.exists() && std::env::var_os("WRITE_GOLDEN").is_some() {
        let lines: Vec<String> = now.chunks(32).map(|line| HEXLOWER_PERMISSIVE.encode(line)).collect();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} has no golden bytes: set WRITE_GOLDEN=1 once"));
    HEXLOWER_PERMISSIVE.decode(text.replace('\n', "").as_bytes()).unwrap()
}

#[test]
fn every_event_is_written_and_read_in_its_golden_bytes() {
    for (name, event) in samples::all() {
        let bytes = golden(name, &event.to_bytes());
        assert_eq!(event.to_bytes(), bytes, "{name} is written in other bytes");
        let kind = match event {
            AnyEvent::Agent(_) => Kind::Agent,
            AnyEvent::Link(_) => Kind::Link,
            AnyEvent::Session(_) => Kind::Session,
        };
        assert_eq!(AnyEvent::from_bytes(kind, &bytes).unwrap(), event, "{name} is read as something else");
    }
}

#[test]
fn every_kind_of_event_has_a_sample_named_after_it() {
    let (mut names, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for (name, event) in samples::all() {
        assert!(name == event.wire_name() || name.starts_with(&format!("{}-", event.wire_name())), "{name}");
        names.insert(event.wire_name());
        kinds.insert((event.wire_name().split('.').next(), samples::kinds(&event)));
    }
    assert_eq!(names.len(), kinds.into_iter().map(|(_, count)| count).sum::<usize>());
}

#[test]
fn bytes_that_follow_an_event_and_events_that_nobody_knows_are_refused() {
    let mut bytes = samples::all().remove(0).1.to_bytes();
    assert!(AnyEvent::from_bytes(Kind::Link, &bytes).is_err());
    bytes.push(0xc0);
    assert!(AnyEvent::from_bytes(Kind::Agent, &bytes).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_stored_and_read_in_its_golden_bytes() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let commit = commit(command(session(1), 0), &Head::default(), vec![posted("one"), posted("two")]);
    backbone.store().append::<Session>(session(1), &Head::default(), &commit, Reserve::Ordinary).await.unwrap();
    let stream = world.jetstream().await.get_stream(format!("EVENTS-{}", backbone.shard_of(session(1).agent))).await.unwrap();
    let stored = stream.get_raw_message(1).await.unwrap();
    assert_eq!(stored.payload, golden("commit", &stored.payload));
    let read = backbone.store().scan(Scope::Aggregate(session(1)), 0, 1, 1).await.unwrap().remove(0);
    assert_eq!(read.commit.events, commit.events.into_iter().map(AnyEvent::Session).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_a_newer_envelope_is_not_guessed_at() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let subject = format!("event.{}.{}.agent", backbone.shard_of(session(1).agent), session(1).agent);
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Schema-Version", "2");
    world.jetstream().await.publish_with_headers(subject, headers, golden("commit", &[]).into()).await.unwrap().await.unwrap();
    let error = backbone.store().scan(Scope::Agent(session(1).agent), 0, 1, 1).await.unwrap_err();
    assert!(error.to_string().contains("version \"2\""), "{error}");
}
