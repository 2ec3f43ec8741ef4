//! The backbone: all that is JetStream, and all that is sealed under the installation's secrets.

mod backbone;
mod bare;
mod clock;
mod confirmation;
mod credentials;
mod error;
mod keys;
mod log;
mod options;
mod presence;
mod random;
mod watch;

pub use backbone::Backbone;
pub use bare::bare_client;
pub use credentials::api_key::{ApiKey, ApiKeys};
pub use credentials::cursor::{CursorError, Cursors};
pub use credentials::derived::Derived;
pub use credentials::handoffs::{HandoffCode, Handoffs};
pub use credentials::link_token::{LinkToken, LinkTokens};
pub use credentials::session_credential::{Carrier, SessionCredential, SessionCredentials};
pub use credentials::webhook_secrets::WebhookSecrets;
pub use error::Error;
pub use keys::data_keys::{Keys, NewKey};
pub use keys::opener::{Opener, Text, Vault};
pub use keys::sealing::{DataKey, Field, OpenError};
pub use keys::secrets::{MasterId, Secrets, SecretsError, context};
pub use keys::stored_keys::{KeyPage, StoredKey};
pub use log::append::{AppendError, Reserve};
pub use log::commit::{Actor, AnyEvent, Commit, DecodeError, Kind, settings_from_bytes, settings_to_bytes};
pub use log::feed::{Feed, FeedError};
pub use log::head::{Head, Last, Stored};
pub use log::position::{Epoch, EventId, Hash, Position, Shard};
pub use log::pruning::checkpoint::RunningHashes;
pub use log::pruning::purge::PrunableMessage;
pub use log::pruning::record::{PrunedCommits, PrunedLink, PrunedSession, Pruning, SessionFigures, WholeLink};

pub use log::record::{Fact, Message, Recorded, RecordedPruning};
pub use log::store::{Scope, Store};
pub use log::trace;
pub use log::unknown::Unknown;
pub use log::verify::{Verified, VerifyError};
pub use options::Options;
pub use watch::{Mark, Reading};
