//! Runs a command with `DATABASE_URL` set to a fresh, migrated database of its own, which is gone afterwards:
//! `with_postgres FOLDER_OF_MIGRATIONS COMMAND...`. `./dev check` compares `.sqlx/` this way.

use std::{
    env,
    error::Error,
    path::Path,
    process::{Command, ExitCode},
};

use servers::{DataDir, Postgres, PostgresOptions};
use sqlx::{Connection, PgConnection, migrate::Migrator};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (Some(migrations), Some(program)) = (arguments.next(), arguments.next()) else {
        return Err("usage: with_postgres FOLDER_OF_MIGRATIONS COMMAND...".into());
    };
    let data = DataDir::temporary()?;
    let options = PostgresOptions { durable: false, ..PostgresOptions::default() };
    let postgres = Postgres::start(&data, options).await?;
    let mut connection = PgConnection::connect(postgres.url()).await?;
    Migrator::new(Path::new(&migrations)).await?.run(&mut connection).await?;
    connection.close().await?;
    let status = Command::new(program).args(arguments).env("DATABASE_URL", postgres.url()).status()?;
    postgres.stop().await;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
