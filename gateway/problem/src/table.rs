//! `docs/errors.md`: every code, written from the code itself. The file is held to it here; a run with `WRITE_DOCS=1` writes it anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Code;

const HEAD: &str = "# Every way of saying no

<!-- Written from gateway/problem/src/code.rs by: WRITE_DOCS=1 cargo test --workspace --lib -- the_table_of_codes -->

One table for HTTP and MCP. Over HTTP a refusal is a problem document (RFC 9457) with the `code`; where the status is 429 or 503 it has `Retry-After`.
A tool answers with `isError` and the text `code: what happened, with the actual value. The next call.` What is said of a case may be more exact than the
general words here; the codes are stable, the words are not. What belongs to somebody else, or lies beyond a key's only link, is told in the very words of
what does not exist.

| code | status | what happened | next, over HTTP | next, for an agent |
| --- | --- | --- | --- | --- |
";

fn table() -> String {
    Code::ALL.iter().fold(HEAD.to_owned(), |mut table, code| {
        let (name, status) = (code.as_str(), code.status().as_u16());
        writeln!(table, "| `{name}` | {status} | {} | {} | {} |", code.title(), code.next_step(), code.next_call())
            .expect("a string takes all");
        table
    })
}

#[test]
fn the_table_of_codes_in_the_docs_is_that_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, table()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == table(),
        "docs/errors.md is stale; write it anew: WRITE_DOCS=1 cargo test --workspace --lib -- the_table_of_codes"
    );
}
