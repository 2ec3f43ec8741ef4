//! Finds, starts and watches nats-server and PostgreSQL, so that one command gives a newcomer everything.
//!
//! `tempchat up` and the tests of every crate use the same few calls:
//!
//! ```no_run
//! # async fn example() -> Result<(), servers::Error> {
//! use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
//!
//! let data = DataDir::temporary()?; // or `DataDir::open(path)`
//! let nats = NatsServer::start(&data, NatsOptions::default()).await?;
//! let postgres = Postgres::start(&data, PostgresOptions::default()).await?;
//! println!("{} {}", nats.url(), postgres.url());
//! tokio::select! {
//!     death = nats.died() => eprintln!("{death}"),
//!     death = postgres.died() => eprintln!("{death}"),
//! }
//! postgres.stop().await;
//! nats.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! A server never outlives its supervisor, even if that is killed with `kill -9`: see `process.rs`.

mod account;
mod disk;
mod error;
mod find;
mod folder;
mod nats_server;
mod postgres;
mod postgres_dir;
mod process;
mod random;
mod secret;
mod version;

pub use disk::free;
pub use error::Error;
pub use folder::{DataDir, Running};
pub use nats_server::{NatsOptions, NatsServer};
pub use postgres::{Postgres, PostgresOptions};
pub use version::Version;
