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
    chance,
    find::{Binary, Wanted},
    folder::make_private,
    place,
    process::{self, Launch, Process},
    secret,
};

/// The superuser and the first database.
const NAME: &str = "tempchat";

/// Only part of the socket's name: nothing listens on TCP.
const PORT: u16 = 5432;

/// What a socket's path may have, by the shortest of the systems (macOS).
const LONGEST_SOCKET: usize = 103;

/// After a crash the server replays its log before it is ready.
const PATIENCE: Duration = Duration::from_mins(2);

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
    /// Whether a transaction is on the disk before it is acknowledged. False is for tests: much faster, broken by a power cut.
    pub durable: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { bin: None, durable: true }
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
}

impl Postgres {
    /// Starts on `data`, made on first use, and returns when clients may connect. Root drops to another account.
    pub async fn start(data: &DataDir, options: PostgresOptions) -> Result<Self, Error> {
        let lock = process::lock(WANTED.server, &data.join("postgres.lock")).await?;
        let account = Account::to_drop_to(place::owner(data))?;
        let place = place::make(data, account.as_ref())?;
        let cluster = place.join("data");
        let Binary { path: postgres, version } = find(data, &options, account.as_ref(), &cluster)?;
        let password = data.secret("postgres.password")?;
        let start = |command, log| {
            let lock = lock.try_clone().map_err(Error::io("share the lock of", data.path()))?;
            let log = data.join(log);
            Process::start(Launch { server: WANTED.server, command, account: account.as_ref(), stop: Signal::SIGINT, log, lock })
        };

        if !cluster.exists() {
            tracing::info!(folder = %cluster.display(), "PostgreSQL makes its files, once");
            let unfinished = Unfinished::make(&place, account.as_ref(), &password)?;
            start(initdb(&postgres, &unfinished, options.durable), "initdb.log")?.succeeds().await?;
            unfinished.finish(&cluster)?;
        }

        // The lock says that nobody serves these files, so whoever has that process id now is somebody else.
        let pid_file = cluster.join("postmaster.pid");
        if pid_file.exists() {
            fs::remove_file(&pid_file).map_err(Error::io("remove", &pid_file))?;
        }
        let sockets = sockets(&place, account.as_ref())?;
        let process = start(serve(&postgres, &cluster, &sockets, options.durable), "postgres.log")?;
        let pid = process.until(PATIENCE, || ready(&pid_file)).await?;
        let url = url(&sockets, &password, NAME);
        let server = Self { process, data: data.clone(), sockets, password, url, pid, version };
        server.create_database(NAME).await?;
        data.write_secret("postgres.url", &server.url)?;
        tracing::info!(%version, pid, "PostgreSQL is ready");
        Ok(server)
    }

    /// Returns where the owner of everything connects to the database `tempchat`, with user and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes the database `name` unless it is there, and returns where its owner connects: a fresh one for each test.
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
            // CREATE DATABASE takes no parameters; `create_database` has let only plain names through.
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

    /// Waits until the server has ended though nobody asked it to; may be dropped and called again.
    pub async fn died(&self) -> Error {
        self.process.died().await
    }

    /// Stops the server cleanly, within 20 s; open transactions are rolled back.
    pub async fn stop(self) {
        self.process.stop().await;
        // Empty by now; it matters where the socket lay aside.
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

/// A cluster in the making: it gets its name when it is whole, so that an interrupted one is never taken for one.
struct Unfinished {
    cluster: PathBuf,
    password: PathBuf,
}

impl Unfinished {
    fn make(place: &Path, account: Option<&Account>, password: &str) -> Result<Self, Error> {
        let unfinished = Self { cluster: place.join("data.new"), password: place.join("password") };
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
        // No value that anybody wrote appears in the log.
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
    ];
    let careless = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
    for setting in settings.into_iter().chain(careless.into_iter().filter(|_| !durable)) {
        command.args(["-c", setting]);
    }
    command
}

/// Makes the folder of the socket, mode 0700: with the files, or where their path is too long for a socket, aside.
fn sockets(place: &Path, account: Option<&Account>) -> Result<PathBuf, Error> {
    let beside = place.join("sockets");
    let socket = beside.join(format!(".s.PGSQL.{PORT}"));
    let sockets = if socket.as_os_str().len() <= LONGEST_SOCKET {
        beside
    } else {
        Path::new("/tmp").join(format!("tempchat-{}", chance::name()))
    };
    // As with the process id: what an earlier run left would only be taken for a server.
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
    // Spaces as libpq reads them; a plus in the path is written %2B by now.
    url.as_str().replace('+', "%20")
}
