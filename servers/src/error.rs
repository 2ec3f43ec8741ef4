//! The errors of finding, starting and running servers, each with its values and the next step.

use std::{io, path::PathBuf, time::Duration};

use crate::Version;

/// A server that could not be found, started or kept running.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {act} {}: {source}. Check that the folder may be written and the disk has room", path.display())]
    Io {
        /// The operation, as a verb.
        act: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },

    /// Another instance uses the data folder.
    #[error("the data folder {} is in use by process {holder}. Stop that process, or choose another folder with --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other instance's process id.
        holder: String,
    },

    /// The folder holds other files.
    #[error(
        "{} was not made by tempchat: it holds `{other}`. Move that away, or choose another folder with --data; settings (tempchat.toml) \
         and a restored log (nats, secrets.json) may be there", path.display()
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// A file in it.
        other: String,
    },

    /// The folder belongs to another account, or others may write to it: its files could not be trusted.
    #[error(
        "{} belongs to another account, or others may write into it. Give it to this account and close it to others (chown, chmod go-w), or choose another folder with --data",
        path.display()
    )]
    NotPrivate {
        /// The folder.
        path: PathBuf,
    },

    /// A path that cannot be written into a server's configuration.
    #[error("the path {} is not UTF-8. Choose another folder with --data", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },

    /// No binary was found.
    #[error("{server} is not installed. `./dev up` installs it; or install {server} {oldest} or newer, or name it in {variable}")]
    NotFound {
        /// Which server.
        server: &'static str,
        /// The oldest version that suffices.
        oldest: Version,
        /// The environment variable that names one.
        variable: &'static str,
    },

    /// A binary that is too old.
    #[error("{server} {found} at {} is too old: {oldest} or newer is needed. `./dev up` installs one; or name a newer one in {variable}", path.display())]
    TooOld {
        /// Which server.
        server: &'static str,
        /// Its version.
        found: Version,
        /// Its path.
        path: PathBuf,
        /// The oldest version that suffices.
        oldest: Version,
        /// The environment variable that names one.
        variable: &'static str,
    },

    /// A binary whose version cannot be read.
    #[error("{} does not run{account}: {answer}. Install it anew with `./dev up`, or name another in {variable}", path.display())]
    CannotRun {
        /// Its path.
        path: PathBuf,
        /// `" as postgres"` where an account was dropped to, else empty.
        account: String,
        /// Its output, or the system's error.
        answer: String,
        /// The environment variable that names one.
        variable: &'static str,
    },

    /// Rows written by another major version of PostgreSQL.
    #[error(
        "{} was made by PostgreSQL {made_by}, and only PostgreSQL {found} was found. Install PostgreSQL {made_by}, \
         or move that folder away: the rows are built anew from the log", path.display()
    )]
    OtherMajor {
        /// PostgreSQL's data folder.
        path: PathBuf,
        /// The major version in `PG_VERSION`.
        made_by: String,
        /// The version that was found.
        found: Version,
    },

    /// Running as root, without another account for PostgreSQL.
    #[error(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody. Add one, or run as a plain user"
    )]
    NoAccount,

    /// Servers of a killed instance that are still ending.
    #[error("a {server} of an earlier run still uses {} after {} s. Find it with `ps`, stop it, and start again", path.display(), waited.as_secs())]
    StillRunning {
        /// Which server.
        server: &'static str,
        /// The data folder.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },

    /// The server ended before it was ready.
    #[error("{server} ended while it started ({status}). Its log, {}, ends with:\n{tail}", log.display())]
    EndedAtStart {
        /// Which server.
        server: &'static str,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },

    /// The server runs but did not become ready in time.
    #[error("{server} was not ready after {} s. Its log, {}, ends with:\n{tail}", waited.as_secs(), log.display())]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },

    /// The server ended unexpectedly.
    #[error("{server} ended unexpectedly ({status}). Start again; if it repeats, its log, {}, ends with:\n{tail}", log.display())]
    Died {
        /// Which server.
        server: &'static str,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },

    /// A name that would have to be quoted in SQL.
    #[error("`{name}` cannot name a database: use 1 to 63 lower-case letters, digits and underscores, a letter first")]
    DatabaseName {
        /// The name.
        name: String,
    },

    /// The server refused to create a database.
    #[error("PostgreSQL refused to make the database `{name}`: {source}. Its log is in the data folder")]
    Database {
        /// The database.
        name: String,
        /// What the server answered.
        source: sqlx::Error,
    },
}

impl Error {
    /// Makes the error of a failed `act` on `path`, for `map_err`.
    pub(crate) fn io(act: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { act, path, source }
    }
}
