//! Opens sealed columns: one vault for each owner in an answer; erased texts are absent.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Deref;

use domain::Address;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use nats::{Field, Opener, Text, Vault};
use serde::Serialize;

use crate::Error;

/// How many keys are fetched at once.
const AT_ONCE: usize = 16;

/// An opened text; its `Debug` output never shows it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PlainText(String);

impl PlainText {
    /// Returns the text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl From<String> for PlainText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for PlainText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainText(..)")
    }
}

/// The vaults of one answer. They hold keys: drop them with the answer.
#[derive(Debug, Clone, Default)]
pub struct Vaults {
    by_owner: HashMap<Address, Vault>,
}

impl Vaults {
    /// Fetches the vaults of all `owners`, each once; for owners whose texts are erased or due to be, no key is fetched.
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

    /// Returns the vault of a link or session; one that was not fetched opens nothing.
    pub fn of(&self, owner: Address) -> Vault {
        self.by_owner.get(&owner).cloned().unwrap_or(Vault::erased(owner))
    }

    /// Forgets the vault of a session whose key may have been destroyed since.
    pub fn forget(&mut self, owner: Address) {
        self.by_owner.remove(&owner);
    }

    /// Opens a column that may be empty; erased texts are absent.
    pub(crate) fn open(&self, owner: Address, field: Field, sealed: Option<&[u8]>) -> Result<Option<PlainText>, Error> {
        let (Some(vault), Some(sealed)) = (self.by_owner.get(&owner), sealed) else { return Ok(None) };
        match vault.open(field, 0, sealed).map_err(|source| Error::Text { owner, source })? {
            Text::Open(text) => Ok(Some(PlainText(text))),
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

/// An owner of texts that are to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) address: Address,
    /// Whether the texts are erased, or due to be by the clock, even if the scheduled erasure never ran.
    pub(crate) gone: bool,
}
