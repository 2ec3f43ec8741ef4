//! All that stands in the tables, as values to compare.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

/// Every row of every table of the projection, but how long scheduled commands are held back.
pub(crate) async fn everything(pool: &PgPool) -> BTreeMap<String, Vec<Value>> {
    let mut dump = BTreeMap::new();
    for table in tables(pool).await {
        dump.insert(table.clone(), rows(pool, &format!("SELECT to_jsonb(row) - 'held_until' FROM {table} AS row")).await);
    }
    dump
}

/// The names of all tables.
pub(crate) async fn tables(pool: &PgPool) -> Vec<String> {
    let tables =
        "SELECT tablename::TEXT FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations' ORDER BY 1";
    sqlx::query_scalar(tables).fetch_all(pool).await.unwrap()
}

/// The one JSON column of a query, in an order of its own.
pub(crate) async fn rows(pool: &PgPool, query: &str) -> Vec<Value> {
    let query = format!("SELECT dump.row::TEXT FROM ({query}) AS dump (row)");
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await.unwrap();
    let mut rows: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    rows.sort_by_key(Value::to_string);
    rows
}

/// The only row of a query.
pub(crate) async fn row(pool: &PgPool, query: &str) -> Value {
    let mut rows = rows(pool, query).await;
    assert_eq!(rows.len(), 1, "{query}: {rows:?}");
    rows.remove(0)
}
