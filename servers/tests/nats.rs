//! A nats-server of our own: starts, stops, comes back, and never shares its store.

use async_nats::{ConnectOptions, ServerAddr, jetstream};
use servers::{DataDir, Error, NatsOptions, NatsServer};

async fn connect(server: &NatsServer) -> jetstream::Context {
    let address: ServerAddr = server.url().parse().expect("a URL");
    let user = address.username().expect("a user in it").to_owned();
    let password = address.password().expect("a password in it").to_owned();
    let options = ConnectOptions::with_user_and_password(user, password);
    let client = options.connect(address).await.expect("a client with the URL's password connects");
    jetstream::new(client)
}

#[tokio::test]
async fn a_message_survives_a_stop_and_a_kill() {
    let data = DataDir::temporary().unwrap();
    let server = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let port = server.port();
    let context = connect(&server).await;
    let config = jetstream::stream::Config { name: "S".to_owned(), subjects: vec!["s".to_owned()], ..Default::default() };
    context.create_stream(config).await.unwrap();
    context.publish("s", "one".into()).await.unwrap().await.unwrap();
    server.stop().await;

    let server = NatsServer::start(&data, NatsOptions { port: Some(port), ..NatsOptions::default() }).await.unwrap();
    assert_eq!(server.port(), port);
    let context = connect(&server).await;
    context.publish("s", "two".into()).await.unwrap().await.unwrap();
    server.kill_now().await;

    let server = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let mut stream = connect(&server).await.get_stream("S").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 2);
    server.stop().await;
}

#[tokio::test]
async fn nobody_connects_without_the_password() {
    let data = DataDir::temporary().unwrap();
    let server = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let refused = async_nats::connect(format!("nats://127.0.0.1:{}", server.port())).await;
    assert!(refused.is_err(), "{refused:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_death_is_told_with_the_end_of_the_log() {
    let data = DataDir::temporary().unwrap();
    let server = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let pid = nix::unistd::Pid::from_raw(server.pid().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let death = server.died().await;
    assert!(
        matches!(&death, Error::Died { status, tail, .. } if status == "killed by SIGKILL" && tail.contains("Server is ready")),
        "{death}"
    );
}

#[tokio::test]
async fn a_busy_port_is_told_from_the_log() {
    let data = DataDir::temporary().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(taken.local_addr().unwrap().port());
    let refused = NatsServer::start(&data, NatsOptions { port, ..NatsOptions::default() }).await.unwrap_err();
    assert!(matches!(&refused, Error::EndedAtStart { tail, .. } if tail.contains("address already in use")), "{refused}");
}
