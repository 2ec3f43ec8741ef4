//! Three servers that keep every stream three times; one of them dies.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::session::Session;
use nats::{AppendError, Backbone, Error, Hash, Head, Options, Secrets};
use servers::{DataDir, NatsServer};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::world::{agent, append, command, session};

struct Cluster {
    servers: Vec<Child>,
    ports: Vec<u16>,
    _folder: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let binary = NatsServer::find(&DataDir::open(folder.path()).unwrap()).unwrap();
        let (ports, routes) = (free_ports(), free_ports());
        let all_routes = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect::<Vec<_>>().join(", ");
        let servers = (0..3).map(|n| {
            let path = folder.path().join(format!("{n}.conf"));
            let store = folder.path().join(format!("store-{n}"));
            let conf = format!(
                "server_name: n{n}\nlisten: \"127.0.0.1:{}\"\njetstream {{ store_dir: {store:?} }}\n\
                 cluster {{ name: c, listen: \"127.0.0.1:{}\", routes: [{all_routes}] }}\n",
                ports[n], routes[n]
            );
            std::fs::write(&path, conf).unwrap();
            Command::new(&binary).arg("--config").arg(path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        });
        Self { servers: servers.collect(), ports, _folder: folder }
    }

    /// Connects once the servers have found each other.
    async fn backbone(&self, secrets: &Secrets) -> Backbone {
        let url = self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect::<Vec<_>>().join(",");
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let options = Options { shards: 1, replicas: 3, shard_bytes: 64 << 20, ..Options::new(url.clone(), secrets.clone()) };
            match Backbone::connect(options).await {
                Ok(backbone) => return backbone,
                Err(error) if Instant::now() > deadline => panic!("{error}"),
                Err(_) => {}
            }
        }
    }

    fn kill(&mut self, name: &str) {
        let n: usize = name.trim_start_matches('n').parse().unwrap();
        self.servers[n].kill().unwrap();
        self.servers[n].wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn free_ports() -> Vec<u16> {
    let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_without_its_leader() {
    let mut cluster = Cluster::start();
    let secrets = Secrets::generate();
    let backbone = cluster.backbone(&secrets).await;
    let store = backbone.store();
    let client = async_nats::connect(format!("nats://127.0.0.1:{}", cluster.ports[0])).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("EVENTS-0").await.unwrap();
    let leader = stream.cached_info().cluster.clone().unwrap().leader.unwrap();

    let mut head = Head::default();
    for n in 0..200 {
        if n == 100 {
            cluster.kill(&leader);
        }
        head = loop {
            match append(&store, session(1), n, &head).await {
                Ok(next) => break next,
                // An election may outlast the patience of one append: look, and go on from there.
                Err(AppendError::Broken(Error::Unknown { .. } | Error::Unavailable(_))) => match store.last(session(1)).await {
                    Ok(Some(last)) if last.command == command(session(1), n) => break last.head,
                    Ok(_) | Err(_) => {}
                },
                Err(error) => panic!("{error}"),
            }
        };
        let loaded = store.load::<Session>(session(1), &head).await;
        assert!(loaded.is_ok_and(|rest| rest.is_empty()));
    }
    let all = store.load::<Session>(session(1), &Head::default()).await.unwrap();
    let ids: Vec<_> = all.iter().map(|stored| stored.commit.id).collect();
    assert_eq!(ids, (0..200).map(|n| command(session(1), n)).collect::<Vec<_>>());
    let mut feed = backbone.feed(backbone.shard_of(agent(1)), 0, Hash::default());
    let mut came = 0;
    while came < 200 {
        came += feed.next(1000).await.unwrap().len();
    }
    assert_eq!(backbone.verify(backbone.shard_of(agent(1)), &[]).await.unwrap().commits, 200);
}
