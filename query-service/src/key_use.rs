//! When keys were last used: recorded by gateways, to the hour, for the operator. A lost record does no harm.

use std::collections::HashMap;

use domain::{AgentId, KeyId, Timestamp};
use sqlx::types::Uuid;
use sqlx::{Postgres, Transaction};
use time::OffsetDateTime;

use crate::columns::{moment, timestamp, uuid};
use crate::{Error, Queries, role};

/// A use of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// The key's agent.
    pub agent: AgentId,
    /// The key.
    pub key: KeyId,
    /// When, as coarse as the caller makes it.
    pub at: Timestamp,
}

impl Queries {
    /// Records uses of keys, each key once; an older use changes nothing.
    pub async fn note_key_uses(&self, uses: &[KeyUse]) -> Result<(), Error> {
        let keys: Vec<Uuid> = uses.iter().map(|used| uuid(used.key.bytes())).collect();
        let agents: Vec<Uuid> = uses.iter().map(|used| uuid(used.agent.bytes())).collect();
        let moments: Vec<OffsetDateTime> = uses.iter().map(|used| moment(used.at)).collect();
        let mut transaction = role::notes(&self.inner.pool).await?;
        sqlx::query!(
            "INSERT INTO key_use (key, agent, used_at)
             SELECT *
             FROM UNNEST($1::UUID[], $2::UUID[], $3::TIMESTAMPTZ[])
             ON CONFLICT (key) DO UPDATE
             SET used_at = greatest(key_use.used_at, excluded.used_at)",
            &keys,
            &agents,
            &moments
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

/// Reads when every key was last used.
pub(crate) async fn uses(transaction: &mut Transaction<'static, Postgres>) -> Result<HashMap<KeyId, Timestamp>, Error> {
    let rows = sqlx::query!("SELECT key, used_at FROM key_use").fetch_all(&mut **transaction).await?;
    Ok(rows.into_iter().map(|row| (KeyId::new(row.key.into_bytes()), timestamp(row.used_at))).collect())
}
