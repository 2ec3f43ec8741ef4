//! The stream `AUDIT`: appended to and read, never changed.

use async_nats::jetstream::Context;
use domain::Timestamp;
use serde_json::Value;

use crate::audit::entry::AuditEntry;
use crate::log::connection::Connection;
use crate::log::{read, subjects};
use crate::{Backbone, Error};

/// Entries read at once.
const PAGE: usize = 500;

/// An entry as it stands in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditedEntry {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// What it says.
    pub entry: Value,
}

/// Appends an entry; it is stored once this returns.
pub(crate) async fn append(jetstream: &Context, entry: &AuditEntry, at: Timestamp) -> Result<(), Error> {
    let (subject, json) = (subjects::audit(entry.kind.as_str()), entry.json(at));
    let sent = jetstream.publish(subject, json.into()).await.map_err(Error::unavailable)?;
    sent.await.map_err(Error::unavailable)?;
    Ok(())
}

impl Backbone {
    /// Reads the audit after a sequence, oldest first, some entries at once; none at its end.
    pub async fn audit_after(&self, sequence: u64) -> Result<Vec<AuditedEntry>, Error> {
        let connection: &Connection = &self.connection;
        let raws = read::beside(connection, subjects::AUDIT, subjects::ALL_AUDIT, sequence, PAGE).await?;
        let entries = raws.into_iter().map(|raw| {
            // Whatever stands there is shown.
            let entry = serde_json::from_slice(&raw.payload)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&raw.payload).into_owned()));
            AuditedEntry { sequence: raw.sequence, entry }
        });
        Ok(entries.collect())
    }
}
