//! Telling a client that resources it follows have changed: one listener of the hub for each stream, whatever it follows.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Address as Owner, Target};
use hub::{Delivery, Entry, Subscription, Topic};
use nats::AnyEvent;
use rmcp::ErrorData;
use rmcp::model::SubscriptionFilter;
use rmcp::service::{SubscriptionContext, SubscriptionSink};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Address, failed};
use crate::call::Call;

/// How many resources one stream follows.
const FOLLOWED: usize = 100;
/// How long changes are gathered before the client is told.
const GATHERS: Duration = Duration::from_millis(300);
/// How long a client may take to be told.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a stream lasts; then the client asks again.
const LASTS: Duration = Duration::from_mins(30);

/// Picks what can be followed of what a client wants to.
pub(crate) fn followed(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let wanted = requested.resource_subscriptions.iter().flatten();
    let ours = wanted.filter(|uri| Address::parse(uri).is_some()).take(FOLLOWED);
    SubscriptionFilter::builder().resource_subscriptions(ours.cloned()).build()
}

/// Tells of changes until the client goes, its time is up, its key is no longer good, or the service stops. Others' resources never
/// change.
pub(crate) async fn tell(call: &Call, stream: &SubscriptionContext) -> Result<(), ErrorData> {
    let _permit = call.agents.waits.begin_news(&call.principal, call.client().0).map_err(|problem| failed(&problem))?;
    let ends_at = Instant::now() + LASTS;
    let mut hub = subscribe(call).await?;
    let mut watch = call.key_watch().map_err(|problem| failed(&problem))?;
    let mut following = Following::of(stream.accepted());
    loop {
        tokio::select! {
            delivery = hub.next() => match delivery {
                Delivery::Entry(entry, _) => following.note(call, &entry),
                Delivery::Signal(_) => {}
                Delivery::AgentChanged => watch.agent_changed(),
                Delivery::Reset | Delivery::Closed if call.app().closing().is_cancelled() => return Ok(()),
                Delivery::Reset | Delivery::Closed => {
                    // A client that is let go asks again.
                    let Ok(again) = subscribe(call).await else { return Ok(()) };
                    hub = again;
                    following.note_all();
                }
            },
            () = sleep_until(following.tell_at.unwrap_or(ends_at)), if following.tell_at.is_some() => {
                // A revoked key gets no more updates; its next request is told why.
                if watch.check().await.is_err() || !following.told(stream.sink()).await {
                    return Ok(());
                }
            }
            () = watch.is_due() => if watch.check().await.is_err() { return Ok(()) },
            () = sleep_until(ends_at) => return Ok(()),
            () = call.app().closing().cancelled() => return Ok(()),
            () = call.abandoned() => return Ok(()),
        }
    }
}

/// What a client follows, and when it is to be told of changes.
#[derive(Debug)]
struct Following {
    resources: BTreeMap<String, Followed>,
    tell_at: Option<Instant>,
}

/// A resource that a client follows.
#[derive(Debug)]
struct Followed {
    address: Address,
    /// Whether the client is to be told.
    changed: bool,
}

impl Following {
    /// Begins with everything changed: what happened between the acknowledgement and here is unknown.
    fn of(accepted: &SubscriptionFilter) -> Self {
        let uris = accepted.resource_subscriptions.iter().flatten();
        let resources = uris.filter_map(|uri| Some((uri.clone(), Followed { address: Address::parse(uri)?, changed: true })));
        Self { resources: resources.collect(), tell_at: Some(Instant::now()) }
    }

    /// Notes what a commit changes.
    fn note(&mut self, call: &Call, entry: &Entry) {
        for one in self.resources.values_mut().filter(|one| !one.changed && one.address.is_changed_by(call, entry)) {
            one.changed = true;
            self.tell_at.get_or_insert_with(|| Instant::now() + GATHERS);
        }
    }

    /// Notes that anything may have changed.
    fn note_all(&mut self) {
        for one in self.resources.values_mut() {
            one.changed = true;
        }
        self.tell_at = Some(Instant::now() + GATHERS);
    }

    /// Notifies of what has changed; false once the client is gone.
    async fn told(&mut self, client: &SubscriptionSink) -> bool {
        self.tell_at = None;
        for (uri, one) in self.resources.iter_mut().filter(|(_, one)| one.changed) {
            one.changed = false;
            if !matches!(timeout(PATIENCE, client.notify_resource_updated(uri)).await, Ok(Ok(()))) {
                return false;
            }
        }
        true
    }
}

async fn subscribe(call: &Call) -> Result<Subscription, ErrorData> {
    let agent = call.principal.agent;
    let topic = call.principal.grant.link.map_or(Topic::Agent(agent), |link| Topic::Link(agent, link));
    call.app().hub().subscribe(topic, None).await.map_err(|error| failed(&error.into()))
}

impl Address {
    /// Tells whether one who reads it would read something else after a commit.
    fn is_changed_by(self, call: &Call, entry: &Entry) -> bool {
        match self {
            // Its sessions change its counts.
            Self::Link(link) => entry.is_heard_in(Topic::Link(call.principal.agent, link)) && !is_unseen(entry),
            Self::Transcript(session) => {
                let Owner { target, .. } = entry.address();
                target == Target::Session(session) && !is_unseen(entry)
            }
        }
    }
}

/// Tells whether nothing happened but that somebody has read, or goes on on another device.
fn is_unseen(entry: &Entry) -> bool {
    entry.facts(None).all(|fact| matches!(&fact.event, AnyEvent::Session(event) if !event.changes_the_chat()))
}
