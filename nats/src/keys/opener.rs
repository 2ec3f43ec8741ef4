//! Opens sealed texts, of one link or session at a time. No other module does.

use std::fmt;

use domain::Address;

use crate::Error;
use crate::keys::data_keys::Keys;
use crate::keys::sealing::{DataKey, Field, OpenError};

/// A text as a reader gets it.
#[derive(Clone, PartialEq, Eq)]
pub enum Text {
    /// The plain text.
    Open(String),
    /// The key is destroyed, so the text cannot be opened.
    Erased,
}

impl fmt::Debug for Text {
    /// Tells which of the two it is, never the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open(_) => "Open(..)",
            Self::Erased => "Erased",
        })
    }
}

/// Hands out the vaults of links and sessions.
#[derive(Debug, Clone)]
pub struct Opener {
    keys: Keys,
}

impl Opener {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys }
    }

    /// Fetches the key of `owner`, at most 60 s old; an error is never reported as an erasure.
    pub async fn vault(&self, owner: Address) -> Result<Vault, Error> {
        Ok(Vault { owner, key: self.keys.get(owner).await? })
    }
}

/// Opens the texts of one link or session; cheap to clone. It holds the key: drop it with the answer that it was fetched for.
#[derive(Debug, Clone)]
pub struct Vault {
    owner: Address,
    key: Option<DataKey>,
}

impl Vault {
    /// Returns the vault of an owner whose `Erased` event was seen: nothing in it opens, and no request is needed.
    pub const fn erased(owner: Address) -> Self {
        Self { owner, key: None }
    }

    /// Opens one text; `field` and `index` are the ones it was sealed with.
    pub fn open(&self, field: Field, index: u16, sealed: &[u8]) -> Result<Text, OpenError> {
        match &self.key {
            Some(key) => key.open(&self.owner, field, index, sealed).map(Text::Open),
            None => Ok(Text::Erased),
        }
    }

    /// Tells whether the key is destroyed.
    pub fn is_erased(&self) -> bool {
        self.key.is_none()
    }
}
