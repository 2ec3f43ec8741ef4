//! What a listener costs that only waits, as nearly all do at any time.

use std::mem::size_of_val;

use super::world::{World, at, session};
use crate::listener::{Listener, Role};
use crate::{Hub, Subscription, Topic};

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_listener_is_small() {
    assert!(size_of::<Listener>() <= 128, "{}", size_of::<Listener>());
    assert!(size_of::<Subscription>() <= 208, "{}", size_of::<Subscription>());
    assert!(size_of::<Topic>() <= 56, "{}", size_of::<Topic>());
    let world = World::start().await;
    let hub = Hub::new(world.backbone().await);
    let mut subscription = hub.view(session(1, 0), at(0, 0)).await.unwrap();
    let waits = subscription.next();
    assert!(size_of_val(&waits) <= 320, "{}", size_of_val(&waits));
    assert_eq!(Listener::new(Role::Reader).room(), 0);
}
