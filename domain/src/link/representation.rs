//! Settings as the log stores them, and how they are carried to other representations and back.

use serde::{Deserialize, Serialize};

use super::{Settings, TextSetting};
use crate::{QuestionId, Sealed, Timestamp};

/// How settings are represented: as the log stores them, as an agent gives them, as they are shown.
pub trait Representation {
    /// A text.
    type Text;
    /// The end, of the link and of its sessions.
    type End;
    /// What a link asks everyone.
    type Questions;
    /// For whom a link is.
    type Recipients;
    /// Who is added to them.
    type MoreRecipients;
}

/// Settings as the log stores them: every text is sealed under the link's data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {}

impl Representation for Stored {
    type Text = Sealed;
    type End = Timestamp;
    type Questions = Questions;
    type Recipients = Recipients;
    type MoreRecipients = MoreRecipients;
}

/// Carries settings from one representation to another.
pub trait Convert<From: Representation, To: Representation> {
    /// Why it cannot.
    type Error;

    /// Converts a text.
    fn text(&mut self, which: TextSetting, text: From::Text) -> Result<To::Text, Self::Error>;

    /// Converts a text that may be missing.
    fn optional_text(&mut self, which: TextSetting, text: From::Text) -> Result<Option<To::Text>, Self::Error> {
        self.text(which, text).map(Some)
    }

    /// Converts the end.
    fn end(&mut self, end: From::End) -> Result<To::End, Self::Error>;

    /// Converts what everyone is asked.
    fn questions(&mut self, questions: From::Questions) -> Result<Option<To::Questions>, Self::Error>;

    /// Converts for whom the link is.
    fn recipients(&mut self, recipients: From::Recipients) -> Result<Option<To::Recipients>, Self::Error>;
}

/// What a link asks everyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// The question's id, the same in every session; other fields are another question.
    pub question: QuestionId,
    /// The fields, as one sealed document.
    pub form: Sealed,
    /// How many fields there are.
    pub fields: u8,
    /// The fields that must be answered, a bit each.
    pub required: u8,
}

/// For whom a link is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipients {
    /// The labels by which the agent knows them, as one sealed document.
    pub labels: Sealed,
    /// How many there are.
    pub count: u8,
}

/// Recipients to add: a token names its recipient by number, so those before stay where they are.
#[derive(Debug, Clone, PartialEq)]
pub struct MoreRecipients {
    /// How many there were when the labels were put together; by another number now they would be others' labels.
    pub before: u8,
    /// How many are new.
    pub added: u8,
    /// The labels of all, those from before first, as one sealed document.
    pub labels: Sealed,
}

impl Settings {
    /// Returns the settings without their texts: what is left of them once the link is erased.
    #[must_use]
    pub fn without_texts(self) -> Self {
        match self.convert(&mut Blank) {
            Ok(settings) => settings,
            Err(never) => match never {},
        }
    }
}

/// Takes the texts out, and leaves that there were some.
struct Blank;

impl Convert<Stored, Stored> for Blank {
    type Error = std::convert::Infallible;

    fn text(&mut self, _: TextSetting, _: Sealed) -> Result<Sealed, Self::Error> {
        Ok(Sealed::blank())
    }

    fn end(&mut self, end: Timestamp) -> Result<Timestamp, Self::Error> {
        Ok(end)
    }

    fn questions(&mut self, questions: Questions) -> Result<Option<Questions>, Self::Error> {
        Ok(Some(Questions { form: Sealed::blank(), ..questions }))
    }

    fn recipients(&mut self, recipients: Recipients) -> Result<Option<Recipients>, Self::Error> {
        Ok(Some(Recipients { labels: Sealed::blank(), ..recipients }))
    }
}
