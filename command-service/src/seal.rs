//! Seals the texts of commands before any rule sees them, and opens a link's texts where its sessions need them.

use domain::{Address, CommandId, Sealed};
use nats::{DataKey, Field, Text};

use crate::{Commands, Refusal};

/// Seals the texts of one command.
pub(crate) struct Seal<'a> {
    pub(crate) key: &'a DataKey,
    pub(crate) address: Address,
    pub(crate) id: CommandId,
}

impl Seal<'_> {
    /// Seals a text.
    pub(crate) fn text(&self, field: Field, text: &str) -> Sealed {
        self.key.seal(&self.address, self.id, field, 0, text)
    }

    /// Seals an optional text; an empty one counts as missing.
    pub(crate) fn optional(&self, field: Field, text: Option<&str>) -> Option<Sealed> {
        text.filter(|text| !text.is_empty()).map(|text| self.text(field, text))
    }
}

impl Commands {
    /// Opens a link's text; `None` where there is none, or it is erased.
    pub(crate) async fn open_text(
        &self,
        link: Address,
        field: Field,
        sealed: Option<&Sealed>,
    ) -> Result<Option<String>, Refusal> {
        let Some(sealed) = sealed else { return Ok(None) };
        match self.inner.backbone.opener().vault(link).await?.open(field, 0, &sealed.bytes)? {
            Text::Open(text) => Ok(Some(text)),
            Text::Erased => Ok(None),
        }
    }
}
