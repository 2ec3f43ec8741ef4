use std::net::Ipv4Addr;
use std::time::Duration;

use async_nats::jetstream::stream::Compression;
use futures_util::StreamExt;
use nats::{AppendError, Backbone, Error, Head, Opening, Options, Secrets};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::world::{World, append, session};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_made_once_and_keeps_its_shards() {
    let world = World::start().await;
    let first = world.backbone().await;
    let second = Backbone::connect(Options { shards: 7, ..world.options() }).await.unwrap();
    assert_eq!(first.shards().count(), 2);
    assert_eq!(second.shards().count(), 2);
    for shard in first.shards() {
        assert_eq!(first.epoch(shard), second.epoch(shard));
        assert_eq!(first.end(shard).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_may_make_the_log_at_once() {
    let world = World::start().await;
    let starts = (0..8).map(|_| tokio::spawn(Backbone::connect(world.options())));
    let mut epochs = Vec::new();
    for start in starts {
        let backbone = start.await.unwrap().unwrap();
        epochs.push(backbone.shards().map(|shard| backbone.epoch(shard)).collect::<Vec<_>>());
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_are_as_designed() {
    let world = World::start().await;
    world.backbone().await;
    let jetstream = world.jetstream().await;
    let events = jetstream.get_stream("EVENTS-1").await.unwrap().cached_info().config.clone();
    assert_eq!(events.subjects, ["event.1.>"]);
    assert!(events.allow_direct && events.deny_delete && !events.deny_purge && events.max_consumers > 0);
    assert_eq!(events.compression, Some(Compression::S2));
    let keys = jetstream.get_stream("KEYS").await.unwrap().cached_info().config.clone();
    assert_eq!(keys.subjects, ["key.>"]);
    assert!(!keys.allow_direct && !keys.deny_delete);
    assert_eq!((keys.max_messages_per_subject, keys.compression), (-1, Some(Compression::None)));
    let handoffs = jetstream.get_stream("HANDOFFS").await.unwrap().cached_info().config.clone();
    assert_eq!((handoffs.subjects, handoffs.max_age.as_secs()), (vec!["handoff.*".to_owned()], 300));
    assert!(handoffs.max_bytes > 0);
    let tasks = jetstream.get_stream("TASKS").await.unwrap().cached_info().config.clone();
    // Longer than any task's result may be asked for, which is thirty days.
    assert_eq!((tasks.subjects, tasks.max_age.as_secs()), (vec!["task.*".to_owned()], 31 * 24 * 3_600));
    assert!(tasks.max_bytes > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_setting_is_reported_by_name() {
    let world = World::start().await;
    world.backbone().await;
    let jetstream = world.jetstream().await;
    let mut config = jetstream.get_stream("EVENTS-1").await.unwrap().cached_info().config.clone();
    config.allow_direct = false;
    config.max_messages = 10;
    jetstream.update_stream(config).await.unwrap();
    let error = Backbone::connect(world.options()).await.unwrap_err();
    let Error::StreamDiffers { stream, differences } = &error else { panic!("{error}") };
    assert_eq!(stream, "EVENTS-1");
    assert_eq!(differences, &["max_messages: wanted -1, found 10", "allow_direct: wanted true, found false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_byte_limit_is_applied_and_a_smaller_one_is_not() {
    let world = World::start().await;
    world.backbone().await;
    let limit = async || world.jetstream().await.get_stream("EVENTS-0").await.unwrap().cached_info().config.max_bytes;
    Backbone::connect(Options { shard_bytes: 1 << 20, ..world.options() }).await.unwrap();
    assert_eq!(limit().await, 64 << 20);
    Backbone::connect(Options { shard_bytes: 128 << 20, ..world.options() }).await.unwrap();
    assert_eq!(limit().await, 128 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_fills_up_grows_as_far_as_it_may() {
    let world = World::start().await;
    let options = Options { shards: 1, shard_bytes: 200_000, shard_bytes_most: 300_000, ..world.options() };
    let backbone = Backbone::connect(options).await.unwrap();
    let store = backbone.store();
    let limit = async || world.jetstream().await.get_stream("EVENTS-0").await.unwrap().cached_info().config.max_bytes;
    let mut head = Head::default();
    let mut limits = vec![limit().await];
    // Until nothing more is taken: by then it has grown, and no further than it may.
    for n in 0.. {
        head = match append(&store, session(1), n, &head).await {
            Ok(next) => next,
            Err(AppendError::Full) if limit().await == 300_000 && backbone.fullness().await.unwrap() > 0.8 => break,
            Err(AppendError::Full) => {
                // It is looked after every two seconds.
                tokio::task::yield_now().await;
                head
            }
            Err(error) => panic!("{error}"),
        };
        if n % 100 == 0 {
            limits.push(limit().await);
        }
    }
    limits.dedup();
    assert!([&[200_000][..], &[200_000, 300_000]].contains(&&*limits), "{limits:?}");
    assert_eq!(limit().await, 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_makes_and_changes_no_stream() {
    let world = World::start().await;
    for opening in [Opening::Read, Opening::Write] {
        let error = Backbone::connect(Options { opening, ..world.options() }).await.unwrap_err();
        assert!(matches!(error, Error::NoLog), "{error}");
    }
    let configs = async || {
        let jetstream = world.jetstream().await;
        let mut streams = jetstream.streams();
        let mut configs = Vec::new();
        while let Some(stream) = streams.next().await {
            configs.push(serde_json::to_value(&stream.unwrap().config).unwrap().to_string());
        }
        configs.sort();
        configs
    };
    assert_eq!(configs().await, [""; 0]);
    world.backbone().await;
    let jetstream = world.jetstream().await;
    for beside in ["AUDIT", "TASKS", "HANDOFFS"] {
        jetstream.delete_stream(beside).await.unwrap();
    }
    let before = configs().await;
    for opening in [Opening::Read, Opening::Write] {
        let other =
            Options { opening, shards: 7, replicas: 3, shard_bytes: 1 << 30, shard_bytes_most: 2 << 30, ..world.options() };
        Backbone::connect(Options { audit_for: Duration::from_hours(24), ..other }).await.unwrap();
        assert_eq!(configs().await, before);
    }
    jetstream.delete_stream("KEYS").await.unwrap();
    let error = Backbone::connect(Options { opening: Opening::Read, ..world.options() }).await.unwrap_err();
    assert!(matches!(&error, Error::StreamMissing { stream } if stream == "KEYS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_a_stream_is_not_taken_for_whole() {
    for lost in ["EVENTS-0", "EVENTS-1"] {
        let world = World::start().await;
        let backbone = world.backbone().await;
        for n in 1..8 {
            crate::world::fill(&backbone.store(), crate::world::session(n), 1).await;
        }
        world.jetstream().await.delete_stream(lost).await.unwrap();
        let error = Backbone::connect(world.options()).await.unwrap_err();
        assert!(matches!(&error, Error::StreamMissing { stream } if stream == lost), "{error}");
    }
}

/// Greets as a server of `version` does.
async fn greet(version: &'static str, jetstream: bool) -> Options {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let info = format!(
                r#"INFO {{"server_id":"x","version":"{version}","jetstream":{jetstream},"headers":true,"max_payload":1048576}}"#
            );
            stream.write_all(format!("{info}\r\nPONG\r\n").as_bytes()).await.unwrap();
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    });
    Options::new(url, Secrets::generate())
}

#[tokio::test]
async fn an_old_server_is_refused_by_name() {
    let error = Backbone::connect(greet("2.9.10", true).await).await.unwrap_err();
    assert_eq!(error.to_string(), "nats-server 2.9.10 is too old: 2.11.0 or newer is needed");
    let error = Backbone::connect(greet("2.10.29", true).await).await.unwrap_err();
    assert!(matches!(error, Error::TooOld { .. }), "{error}");
    let error = Backbone::connect(greet("2.12.0", false).await).await.unwrap_err();
    assert!(matches!(error, Error::NoJetStream), "{error}");
}

#[tokio::test]
async fn a_wrong_address_never_repeats_a_password() {
    for url in ["nats://user:hidden@127.0.0.1:1", "nats://user:hidden@[bad"] {
        let error = Backbone::connect(Options::new(url, Secrets::generate())).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
}
