//! What operators put around the service: nginx in front of it, `PgBouncer` before its database. `./dev test` installs both.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use testbed::tls::Root;
use url::Url;

use super::{Folder, until};

/// A program under way; dropping it ends it, and so does the end of its folder.
#[derive(Debug)]
struct Running(Child);

impl Running {
    fn start(folder: &Folder, mut command: Command) -> Self {
        let program = command.get_program().to_owned();
        let log = fs::File::create(folder.path().join("in-front.log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        folder.keep(child.id());
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Finds a program of the system's; servers are often in no user's path.
fn program(name: &str) -> Command {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"]
        .into_iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists());
    Command::new(
        found.unwrap_or_else(|| {
            panic!("{name} is not installed: `./dev test` installs it on Debian; elsewhere install it by hand")
        }),
    )
}

/// Takes a port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A real nginx over TLS and HTTP/2; all else as it comes: it buffers, and has 30 s of patience.
#[derive(Debug)]
pub(crate) struct Nginx {
    _running: Running,
    folder: Folder,
}

impl Nginx {
    /// Starts one before a service at `address`: a server for each port, with what it does about paths.
    pub(crate) async fn before(address: &str, servers: &[(u16, &str)]) -> Self {
        let folder = Folder::new();
        let root = Root::new("Behind nginx");
        let (certificate, key) = root.vouch_for("localhost");
        for (name, content) in [("certificate.pem", certificate), ("key.pem", key), ("root.pem", root.pem())] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let here = folder.path().display();
        let user = if nix::unistd::geteuid().is_root() { "user root;" } else { "" };
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {here}/{kind};")).concat();
        let servers = servers.iter().map(|(port, locations)| {
            format!(
                "server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {here}/certificate.pem; ssl_certificate_key {here}/key.pem; \
                   proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $http_host; \
                   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_read_timeout 30s; proxy_send_timeout 30s; {locations} }}"
            )
        });
        let config = format!(
            "{user} daemon off; master_process off; pid {here}/nginx.pid; error_log stderr warn; events {{}} \
             http {{ access_log off; {temporary} upstream tempchat {{ server {address}; keepalive 8; }} {} }}",
            servers.collect::<String>()
        );
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let mut nginx = program("nginx");
        nginx.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(folder.path().join("nginx.conf"));
        let running = Running::start(&folder, nginx);
        let pid = folder.path().join("nginx.pid");
        until("nginx", async || fs::read_to_string(&pid).is_ok_and(|pid| !pid.is_empty()).then_some(())).await;
        Self { _running: running, folder }
    }

    /// Returns a client that trusts it.
    pub(crate) fn client(&self) -> reqwest::Client {
        let root = fs::read(self.folder.path().join("root.pem")).unwrap();
        reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(&root).unwrap()]).build().unwrap()
    }
}

/// A real `PgBouncer`.
#[derive(Debug)]
pub(crate) struct PgBouncer {
    _running: Running,
    _folder: Folder,
    url: String,
}

impl PgBouncer {
    /// Starts one before the database at `url`; what else it is told is as it comes.
    pub(crate) async fn before(url: &str, pool_mode: &str) -> Self {
        let database = Url::parse(url).unwrap();
        let sockets = database.query_pairs().find(|(name, _)| name == "host").expect("it listens on a socket").1.into_owned();
        let (port, name) = (free_port(), database.path().trim_start_matches('/'));
        let config = format!(
            "[databases]\n{name} = host={sockets} port={} user={} password={} dbname={name}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\n",
            database.port().unwrap(),
            database.username(),
            database.password().unwrap(),
        );
        let folder = Folder::new();
        fs::write(folder.path().join("pgbouncer.ini"), config).unwrap();
        let mut pgbouncer = program("pgbouncer");
        if nix::unistd::geteuid().is_root() {
            // As whom PostgreSQL runs: its socket is for nobody else.
            let owner = fs::metadata(&sockets).map(|found| std::os::unix::fs::MetadataExt::uid(&found)).unwrap();
            let owner = nix::unistd::User::from_uid(owner.into()).unwrap().expect("it has a name");
            pgbouncer.args(["-u", &owner.name]);
        }
        pgbouncer.arg(folder.path().join("pgbouncer.ini"));
        let running = Running::start(&folder, pgbouncer);
        until("PgBouncer", async || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
        Self { _running: running, _folder: folder, url: format!("postgres://{}@127.0.0.1:{port}/{name}", database.username()) }
    }

    /// Returns the address by which it stands for the database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
