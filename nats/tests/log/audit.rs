use std::net::IpAddr;
use std::time::Duration;

use nats::{AuditEntry, AuditedRefusal, Backbone, Opening, Options};

use crate::world::World;

fn refusal() -> AuditedRefusal {
    AuditedRefusal { code: "key_invalid", door: "POST /mcp".to_owned(), agent: None, key: None, link: None, session: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_written_before_the_process_ends() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    backbone.audit().refused(refusal(), Some(IpAddr::from([192, 0, 2, 7])));
    backbone.drain().await;
    let entries = world.backbone().await.audit_after(0).await.unwrap();
    assert_eq!(entries.len(), 1);
    let entry = &entries[0].entry;
    assert_eq!((&entry["code"], &entry["count"]), (&"key_invalid".into(), &1.into()));
    assert_eq!(entry["network"].as_str().unwrap().len(), 16);
    assert!(!entry.to_string().contains("192.0.2"), "{entry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_aged_and_only_grows_and_readers_make_none() {
    let world = World::start().await;
    world.backbone().await;
    let stream = || async { world.jetstream().await.get_stream("AUDIT").await.unwrap().cached_info().config.clone() };
    let config = stream().await;
    assert_eq!(config.max_age, Duration::from_hours(90 * 24));
    assert!(config.max_bytes > 0 && config.max_messages_per_subject > 0 && config.deny_delete && config.deny_purge);
    Backbone::connect(Options { audit_for: Duration::from_hours(24), ..world.options() }).await.unwrap();
    assert_eq!(stream().await.max_age, Duration::from_hours(24), "an operator may change the age");

    world.jetstream().await.delete_stream("AUDIT").await.unwrap();
    let reader = Backbone::connect(Options { opening: Opening::Read, ..world.options() }).await.unwrap();
    assert!(world.jetstream().await.get_stream("AUDIT").await.is_err());
    let look = AuditEntry::looked("words_read", "log show --with-text", None, None);
    assert!(reader.audit().write(&look).await.is_err(), "nobody is told that it was written");
    assert!(reader.audit_after(0).await.is_err());
}
