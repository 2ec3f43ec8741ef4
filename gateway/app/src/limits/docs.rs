//! `docs/limits.md`: every limit, and every sign of abuse, written from the tables themselves. The file is held to it here; a run with `WRITE_DOCS=1` writes it anew.

use std::path::PathBuf;

use domain::abuse::TABLE;

use super::table::rows;

const HEAD: &str = "# How often is too often

<!-- Written from gateway/app/src/limits/table.rs and domain/src/abuse/thresholds.rs by: WRITE_DOCS=1 cargo test --workspace --lib -- the_table_of_limits -->

Every limit of the edge, by the name that settings, `/metrics` and the answers' `RateLimit` fields call it. Who is over one is refused with 429, `Retry-After`
and `rate_limited`, with what was made up `too_many_attempts`. An address is an IPv4 address or an IPv6 network (/64), behind `proxies` the one that they name; where they name none that can be read, all such
requests count as one address. Each gateway counts for itself, in bounded memory. Links, sessions and keys are counted only once a token, a credential or a key has
proved to be ours: what is made up has limits of its own, and never uses up those of a neighbour.

Set them in `tempchat.toml`, or by the environment:

```toml
[limits]
visits = { burst = 2400, per_minute = 4800 }
free_passcodes = 10
```

```sh
TEMPCHAT_LIMITS_VISITS='{burst=2400,per_minute=4800}' TEMPCHAT_LIMITS_FREE_PASSCODES=10 tempchat serve
```

Guesses at passcodes and hand-off codes are never refused. Beyond what is free each costs proof of work: the answer is 403 `proof_required` with a `challenge`
([ALTCHA](https://altcha.org) proof of work, version 2, PBKDF2/SHA-256), which a client solves and sends again as `proof`. The price doubles with each further wrong guess of an
address, every second of its network, and every eighth of the link; a day after the first all is forgotten. A challenge is good for five minutes, for its
link or for hand-off codes, and once. Its `counter` lies below `parameters.data.counters`, so that the work has an end that is known.
Newcomers to a link pay in the same way, up to `dearest_entry`, where they come out of a network from which somebody was shut out of it (from the first on), or from which more have come than are
free; and so does each message of a chat that is suspected of abuse: that ends by itself within minutes, and `Retry-After` says when.

Each of these is a counter in `/metrics`, `tempchat_limit_refusals_total{limit=\"…\"}`, and a gauge of how many are tracked, `tempchat_limit_tracked{limit=\"…\"}`.

| limit | holds | default | because |
| --- | --- | --- | --- |
";

const ABUSE: &str = "
## What looks like abuse

Beside how often, what a chatter sends is looked at for three signs: the same long text again and again, very many addresses of web pages, and messages that pile up while earlier ones wait their turn. Each sign adds points to a score
of the session, and the score fades. Each level that it reaches is told to the agent, with its reasons and without a word of what was sent (event `abuse`: `noticed`, `slowed`, `priced`, `closed`). What ordinary people do stays below all of it: short
words come as often as one likes, different messages as fast as the link allows, a lost connection repeats what is known already. The agent's words are not looked at.

These are no settings: the score is folded from the log, and every gateway and every rebuild must come to the same one.

| threshold | is | because |
| --- | --- | --- |
";

fn table() -> String {
    let limits = rows().into_iter().map(|row| format!("| `{}` | {} | {} | {} |", row.name, row.layer, row.default, row.reason));
    let abuse = TABLE.iter().map(|line| format!("| `{}` | {} {} | {} |", line.name, line.value, line.unit, line.reason));
    let lines = |head: &str, lines: &mut dyn Iterator<Item = String>| lines.fold(head.to_owned(), |all, line| all + &line + "\n");
    lines(HEAD, &mut limits.into_iter()) + &lines(ABUSE, &mut abuse.into_iter())
}

#[test]
fn the_table_of_limits_in_the_docs_is_that_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, table()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == table(),
        "docs/limits.md is stale; write it anew: WRITE_DOCS=1 cargo test --workspace --lib -- the_table_of_limits"
    );
}
