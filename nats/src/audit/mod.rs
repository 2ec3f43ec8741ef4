//! The audit: what was refused for security and what people of the operator looked at, in the aged stream `AUDIT`, without personal data.

pub(crate) mod entry;
pub(crate) mod pending;
pub(crate) mod stream;

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::jetstream::Context;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::keys::secrets::{Secrets, context};
use crate::{Error, clock};

pub use entry::{AuditEntry, AuditKind, AuditedRefusal};
use pending::Pending;
pub use stream::AuditedEntry;

/// How often what waits is written.
const WRITES_EVERY: Duration = Duration::from_secs(1);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Bytes of a network's hash.
const NETWORK: usize = 8;

/// Takes entries of the audit; cheap to clone.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    jetstream: Context,
    /// Names networks.
    key: Zeroizing<[u8; 32]>,
    pending: Mutex<Pending>,
    /// One writer at a time, so that what failed is not written twice.
    writing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

impl Audit {
    /// Makes the audit of an installation; what is noted is written in the background for as long as a clone is there.
    pub(crate) fn start(jetstream: Context, secrets: &Secrets) -> Self {
        let inner = Arc::new(Inner {
            jetstream,
            key: secrets.derive(context::AUDIT_NETWORK),
            pending: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        });
        tokio::spawn(write_on(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// Notes a refusal. It never waits: equal ones within a minute are counted, and written soon.
    pub fn refused(&self, refused: AuditedRefusal, from: Option<IpAddr>) {
        let now = clock::now();
        let network = from.map(|from| self.network(from, now.0.div_euclid(DAY_MS)));
        self.inner.pending.lock().note(refused, network, now);
    }

    /// Writes an entry now; it is there once this returns.
    pub async fn write(&self, entry: &AuditEntry) -> Result<(), Error> {
        stream::append(&self.inner.jetstream, entry, clock::now()).await
    }

    /// Writes all that waits, as before the process ends.
    pub(crate) async fn flush(&self) {
        self.inner.write(true).await;
    }

    /// Names a network for a day: nobody without the installation's secret can tell which it is, or that it was there the day before.
    fn network(&self, address: IpAddr, day: i64) -> [u8; NETWORK] {
        let mut hasher = blake3::Hasher::new_keyed(&self.inner.key);
        hasher.update(&day.to_be_bytes());
        match address {
            IpAddr::V4(address) => hasher.update(&address.octets()),
            IpAddr::V6(address) => hasher.update(&address.octets()),
        };
        *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
    }
}

impl Inner {
    /// Writes what is due, or all; what could not be written waits on.
    async fn write(&self, all: bool) {
        let _writing = self.writing.lock().await;
        let now = clock::now();
        let due = self.pending.lock().take(now, all);
        let mut due = due.into_iter();
        while let Some(counted) = due.next() {
            if let Err(error) = stream::append(&self.jetstream, &counted.entry(), counted.first).await {
                metrics::counter!("tempchat_audit_failures_total").increment(1);
                tracing::debug!(%error, "the audit could not be written; it is tried again");
                let mut pending = self.pending.lock();
                std::iter::once(counted).chain(due).for_each(|counted| pending.put_back(counted));
                return;
            }
        }
    }
}

/// Writes what was noted, at an interval.
async fn write_on(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(WRITES_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        inner.write(false).await;
    }
}
