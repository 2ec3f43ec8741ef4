use domain::CommandId;
use nats::{Field, OpenError, Secrets, Text, Vault};

use crate::world::{World, session};

const COMMAND: CommandId = CommandId::new([3; 16]);

#[tokio::test(flavor = "multi_thread")]
async fn words_open_until_their_key_is_destroyed_and_are_erased_then() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let (writer, reader) = (world.backbone(&secrets).await, world.backbone(&secrets).await);
    let key = writer.keys().create(session(1)).await.unwrap();
    let sealed = key.seal(&session(1), COMMAND, Field::Message, 0, "hello").bytes;

    let vault = reader.opener().vault(session(1)).await.unwrap();
    assert_eq!(vault.open(Field::Message, 0, &sealed).unwrap(), Text::Open("hello".to_owned()));
    assert_eq!(format!("{:?}", vault.open(Field::Message, 0, &sealed).unwrap()), "Open(..)");

    reader.keys().destroy(session(1)).await.unwrap();
    let vault = reader.opener().vault(session(1)).await.unwrap();
    assert!(vault.is_erased());
    assert_eq!(vault.open(Field::Message, 0, &sealed).unwrap(), Text::Erased);
    assert_eq!(Vault::erased(session(1)).open(Field::Message, 0, &sealed).unwrap(), Text::Erased);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_after_the_end_brings_no_word_back() {
    let (world, secrets) = (World::start().await, Secrets::generate());
    let backbone = world.backbone(&secrets).await;
    let key = backbone.keys().create(session(1)).await.unwrap();
    let sealed = key.seal(&session(1), COMMAND, Field::Message, 0, "hello").bytes;
    backbone.keys().destroy(session(1)).await.unwrap();
    backbone.keys().create(session(1)).await.unwrap();
    let vault = backbone.opener().vault(session(1)).await.unwrap();
    assert_eq!(vault.open(Field::Message, 0, &sealed), Err(OpenError::OtherKey));
}
