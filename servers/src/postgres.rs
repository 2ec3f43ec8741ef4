//! PostgreSQL in the data folder, on a socket that only its account can reach, with a password of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::{
    DataDir, Error, Version,
    account::Account,
    find::{Binary, Wanted},
    folder::make_private,
    postgres_dir,
    process::{self, Launch, Process},
    random, secret,
};

/// The superuser and the first database.
const NAME: &str = "tempchat";

/// Part of the socket's name only: the server does not listen on TCP.
const PORT: u16 = 5432;

/// The longest path of a socket, in bytes, on the system with the lowest limit (macOS).
const LONGEST_SOCKET: usize = 103;

/// How long a start may take: after a crash the server replays its log before it is ready.
const START_TIMEOUT: Duration = Duration::from_mins(2);

const WANTED: Wanted = Wanted {
    server: "PostgreSQL",
    oldest: Version::new(15, 0, 0),
    variable: "TEMPCHAT_POSTGRES_BIN",
    file: "postgres",
    cached: "postgres/bin",
    known: &[
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/usr/libexec/postgresql*",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/usr/local/pgsql/bin",
    ],
};

/// How a PostgreSQL is to run.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The folder of `postgres` and `initdb`; otherwise `TEMPCHAT_POSTGRES_BIN`, then a search.
    pub bin: Option<PathBuf>,
    /// Whether a transaction is on the disk before it is acknowledged. False is for tests: much faster, but a power cut may
    /// corrupt the files.
    pub durable: bool,
    /// The folder of the socket, for clients that must find it again after a restart; otherwise a new one.
    pub sockets: Option<PathBuf>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { bin: None, durable: true, sockets: None }
    }
}

/// A running PostgreSQL; dropping it stops it soon after.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    data: DataDir,
    sockets: PathBuf,
    password: String,
    url: String,
    pid: u32,
    version: Version,
    options: PostgresOptions,
}

impl Postgres {
    /// Starts on `data`, creates the cluster on first use, and returns when clients may connect. As root it runs under another
    /// account.
    pub async fn start(data: &DataDir, options: PostgresOptions) -> Result<Self, Error> {
        let lock = process::lock(WANTED.server, &data.join("postgres.lock")).await?;
        let account = Account::to_drop_to(postgres_dir::owner(data))?;
        let directory = postgres_dir::make(data, account.as_ref())?;
        let cluster = directory.join("data");
        let Binary { path: postgres, version } = find(data, &options, account.as_ref(), &cluster)?;
        let password = data.secret("postgres.password")?;
        let start = |command, log| {
            let lock = lock.try_clone().map_err(Error::io("share the lock of", data.path()))?;
            let log = data.join(log);
            Process::start(Launch { server: WANTED.server, command, account: account.as_ref(), stop: Signal::SIGINT, log, lock })
        };

        if !cluster.exists() {
            tracing::info!(folder = %cluster.display(), "PostgreSQL makes its files, once");
            let unfinished = Unfinished::make(&directory, account.as_ref(), &password)?;
            start(initdb(&postgres, &unfinished, options.durable), "initdb.log")?.succeeds().await?;
            unfinished.finish(&cluster)?;
        }

        // The lock proves that no server uses these files: the process id in the file is stale and may belong to another process.
        let pid_file = cluster.join("postmaster.pid");
        if pid_file.exists() {
            fs::remove_file(&pid_file).map_err(Error::io("remove", &pid_file))?;
        }
        let sockets = sockets(&directory, options.sockets.as_deref(), account.as_ref())?;
        let process = start(serve(&postgres, &cluster, &sockets, options.durable), "postgres.log")?;
        let pid = process.until(START_TIMEOUT, || ready(&pid_file)).await?;
        let url = url(&sockets, &password, NAME);
        let server = Self { process, data: data.clone(), sockets, password, url, pid, version, options };
        server.create_database(NAME).await?;
        data.write_secret("postgres.url", &server.url)?;
        tracing::info!(%version, pid, "PostgreSQL is ready");
        Ok(server)
    }

    /// Returns the superuser's URL of the database `tempchat`, with user and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates the database `name` unless it exists, and returns its superuser's URL: a new one for each test.
    ///
    /// # Errors
    /// [`Error::DatabaseName`] unless `name` is lower-case letters, digits and underscores, a letter first, at most 63.
    pub async fn create_database(&self, name: &str) -> Result<String, Error> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.len() > 63 || !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
            return Err(Error::DatabaseName { name: name.to_owned() });
        }
        self.create(name).await.map_err(|source| Error::Database { name: name.to_owned(), source })?;
        Ok(url(&self.sockets, &self.password, name))
    }

    async fn create(&self, name: &str) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(&url(&self.sockets, &self.password, "postgres")).await?;
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            // CREATE DATABASE takes no parameters; `create_database` accepts plain names only.
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE \"{name}\""))).execute(&mut connection).await?;
        }
        connection.close().await
    }

    /// Returns the server's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the server's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the data folder, for a start on the same one.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// Returns how to start it anew, where its clients look for it.
    pub fn again(&self) -> PostgresOptions {
        PostgresOptions { sockets: Some(self.sockets.clone()), ..self.options.clone() }
    }

    /// Waits until the server ends unexpectedly; cancel safe.
    pub async fn died(&self) -> Error {
        self.process.died().await
    }

    /// Stops the server cleanly, within 20 s; open transactions are rolled back.
    pub async fn stop(self) {
        self.process.stop().await;
        // Empty by now; removing it matters where the socket is in a folder of its own under /tmp.
        let _in_use = fs::remove_dir(&self.sockets);
        tracing::info!(pid = self.pid, "PostgreSQL has stopped");
    }

    /// Ends the server as `kill -9` does, for tests.
    pub async fn kill_now(self) {
        self.process.kill_now().await;
    }
}

/// Finds a binary of the major version that made `cluster`, where there is one.
fn find(data: &DataDir, options: &PostgresOptions, account: Option<&Account>, cluster: &Path) -> Result<Binary, Error> {
    let made_by = fs::read_to_string(cluster.join("PG_VERSION")).ok().map(|major| major.trim().to_owned());
    let fits = |version: Version| made_by.as_ref().is_none_or(|major| *major == version.major.to_string());
    let binary = WANTED.find(options.bin.as_deref(), data, account, fits)?;
    match &made_by {
        Some(made_by) if !fits(binary.version) => {
            Err(Error::OtherMajor { path: cluster.to_owned(), made_by: made_by.clone(), found: binary.version })
        }
        Some(_) | None => Ok(binary),
    }
}

/// A cluster that `initdb` is creating: it gets its final name when it is complete, so that an interrupted one is never used.
struct Unfinished {
    cluster: PathBuf,
    password: PathBuf,
}

impl Unfinished {
    fn make(directory: &Path, account: Option<&Account>, password: &str) -> Result<Self, Error> {
        let unfinished = Self { cluster: directory.join("data.new"), password: directory.join("password") };
        if unfinished.cluster.exists() {
            fs::remove_dir_all(&unfinished.cluster).map_err(Error::io("remove", &unfinished.cluster))?;
        }
        secret::write(&unfinished.password, password)?;
        if let Some(account) = account {
            account.owns(&unfinished.password)?;
        }
        Ok(unfinished)
    }

    fn finish(self, cluster: &Path) -> Result<(), Error> {
        fs::remove_file(&self.password).map_err(Error::io("remove", &self.password))?;
        fs::rename(&self.cluster, cluster).map_err(Error::io("rename", &self.cluster))
    }
}

fn initdb(postgres: &Path, unfinished: &Unfinished, durable: bool) -> Command {
    let mut command = Command::new(postgres.with_file_name("initdb"));
    command.arg("--pgdata").arg(&unfinished.cluster).arg("--pwfile").arg(&unfinished.password);
    command.args(["--username", NAME, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]);
    if !durable {
        command.arg("--no-sync");
    }
    command
}

fn serve(postgres: &Path, cluster: &Path, sockets: &Path, durable: bool) -> Command {
    let mut command = Command::new(postgres);
    command.arg("-D").arg(cluster).arg("-k").arg(sockets).arg("-p").arg(PORT.to_string());
    let settings = [
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "max_connections=200",
        "log_checkpoints=off",
        // Statements with users' values do not appear in the server's log.
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
    ];
    let not_durable = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
    for setting in settings.into_iter().chain(not_durable.into_iter().filter(|_| !durable)) {
        command.args(["-c", setting]);
    }
    command
}

/// Creates the folder of the socket, mode 0700: beside the files, or under /tmp where their path is too long for a socket.
fn sockets(directory: &Path, before: Option<&Path>, account: Option<&Account>) -> Result<PathBuf, Error> {
    let beside = directory.join("sockets");
    let socket = beside.join(format!(".s.PGSQL.{PORT}"));
    let sockets = match before {
        Some(before) => before.to_owned(),
        None if socket.as_os_str().len() <= LONGEST_SOCKET => beside,
        None => Path::new("/tmp").join(format!("tempchat-{}", random::name())),
    };
    // Like the process id, a socket of an earlier run would be taken for a running server.
    if sockets.exists() {
        fs::remove_dir_all(&sockets).map_err(Error::io("remove", &sockets))?;
    }
    make_private(&sockets)?;
    if let Some(account) = account {
        account.owns(&sockets)?;
    }
    Ok(sockets)
}

/// Reads the process id from `postmaster.pid` once its 8th line says `ready`.
fn ready(pid_file: &Path) -> Option<u32> {
    let content = fs::read_to_string(pid_file).ok()?;
    let mut lines = content.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    (lines.nth(6)?.trim() == "ready").then_some(pid)
}

fn url(sockets: &Path, password: &str, database: &str) -> String {
    let mut url = Url::parse(&format!("postgres://{NAME}:{password}@localhost:{PORT}/{database}"))
        .expect("a plain name, a hexadecimal password and a checked database make a URL");
    url.query_pairs_mut().append_pair("host", &sockets.to_string_lossy());
    // libpq reads %20 as a space, not a plus; a plus in the path is already encoded as %2B.
    url.as_str().replace('+', "%20")
}
