//! The backbone: every word about JetStream.

mod append;
mod backbone;
mod bare;
mod chance;
mod commit;
mod credential;
mod cursor;
mod derived;
mod ephemeral;
mod error;
mod feed;
mod fullness;
mod keys;
mod opener;
mod options;
mod position;
mod read;
mod record;
mod sealing;
mod secrets;
mod store;
mod streams;
mod subjects;
pub mod trace;
mod verify;
mod wrapping;

pub use backbone::Backbone;
pub use bare::bare_client;
pub use commit::{Actor, AnyEvent, Commit, DecodeError, Kind};
pub use credential::{ApiKeys, Carrier, LinkTokens, SessionCredentials};
pub use cursor::{CursorError, Cursors};
pub use derived::Derived;
pub use error::Error;
pub use feed::{Feed, FeedError};
pub use keys::Keys;
pub use opener::{Opener, Text, Vault};
pub use options::Options;
pub use position::{Epoch, EventId, Hash, Position, Shard};
pub use record::{Fact, Recorded};
pub use sealing::{DataKey, Field, OpenError};
pub use secrets::{MasterId, Secrets, SecretsError, context};
pub use store::{AppendError, Head, Last, Reserve, Scope, Store, Stored};
pub use verify::Verified;

use commit::Encoded;
use record::Raw;
