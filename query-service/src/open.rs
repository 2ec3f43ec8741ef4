//! Sealed columns to words: one vault an owner and answer, and absence where the words are gone.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Deref;

use domain::Address;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use nats::{Field, Opener, Text, Vault};
use serde::Serialize;

use crate::Error;

/// Keys asked for at once, where none of them is at hand.
const AT_ONCE: usize = 16;

/// Words that somebody wrote: never printed by mistake.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Words(String);

impl Words {
    /// Hands the words out.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Words {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(..)")
    }
}

/// The vaults of one answer. Hold them no longer than the answer takes: they hold keys.
#[derive(Debug, Clone, Default)]
pub struct Vaults {
    by_owner: HashMap<Address, Vault>,
}

impl Vaults {
    /// Fetches the vaults of all `owners`, each once; of those whose words are due to be gone nobody is asked for a key.
    pub(crate) async fn fetch(opener: &Opener, owners: impl IntoIterator<Item = Owner>) -> Result<Self, Error> {
        let owners: BTreeSet<Owner> = owners.into_iter().collect();
        let by_owner = stream::iter(owners)
            .map(|owner| async move {
                let vault = if owner.gone { Vault::erased(owner.address) } else { opener.vault(owner.address).await? };
                Ok::<_, Error>((owner.address, vault))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Self { by_owner })
    }

    /// Returns the vault of a link or session; one of which the answer shows no words opens nothing.
    pub fn of(&self, owner: Address) -> Vault {
        self.by_owner.get(&owner).cloned().unwrap_or(Vault::erased(owner))
    }

    /// Forgets the vault of a session whose words may have gone since.
    pub fn forget(&mut self, owner: Address) {
        self.by_owner.remove(&owner);
    }

    /// Opens a column that may be empty; erased words are absent.
    pub(crate) fn open(&self, owner: Address, field: Field, sealed: Option<&[u8]>) -> Result<Option<Words>, Error> {
        let (Some(vault), Some(sealed)) = (self.by_owner.get(&owner), sealed) else { return Ok(None) };
        match vault.open(field, 0, sealed).map_err(|source| Error::Words { owner, source })? {
            Text::Open(text) => Ok(Some(Words(text))),
            Text::Erased => Ok(None),
        }
    }
}

impl IntoIterator for Vaults {
    type Item = (Address, Vault);
    type IntoIter = std::collections::hash_map::IntoIter<Address, Vault>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_owner.into_iter()
    }
}

/// Whose words are to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) address: Address,
    /// Whether the words are gone, or due to be: a dead timer keeps no word readable.
    pub(crate) gone: bool,
}
