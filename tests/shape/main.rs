//! The shape of the code: who may use whom, and what is nowhere. ARCHITECTURE.md draws what this holds.

#![cfg(test)]

mod circles;
mod names;
mod security;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use sources::sources;

/// Which of our crates each of them uses, and no others.
const USES: [(&str, &[&str]); 28] = [
    (
        "tempchat",
        &[
            "gateway",
            "body",
            "command-service",
            "query-service",
            "follower",
            "projector",
            "pruning",
            "webhooks",
            "nats",
            "domain",
            "migrations",
            "servers",
        ],
    ),
    ("gateway", &["api", "mcp", "web", "auth", "app", "access-tokens", "body", "problem", "events", "query-service", "nats"]),
    (
        "api",
        &[
            "auth",
            "agent-events",
            "app",
            "hub",
            "body",
            "problem",
            "events",
            "forms",
            "command-service",
            "query-service",
            "nats",
            "domain",
            "text",
        ],
    ),
    (
        "mcp",
        &[
            "auth",
            "agent-events",
            "app",
            "hub",
            "body",
            "problem",
            "events",
            "command-service",
            "query-service",
            "nats",
            "domain",
            "forms",
            "hosts",
            "text",
        ],
    ),
    ("web", &["app", "problem", "nats", "domain"]),
    ("auth", &["app", "access-tokens", "body", "problem", "command-service", "nats", "domain"]),
    ("agent-events", &["app", "problem", "events", "command-service", "query-service", "nats", "domain", "text"]),
    ("app", &["access-tokens", "hub", "problem", "command-service", "query-service", "nats", "domain"]),
    ("access-tokens", &["body", "hosts", "problem", "command-service", "domain"]),
    ("hub", &["problem", "events", "nats", "domain"]),
    ("body", &["problem", "text"]),
    ("problem", &["events", "command-service", "query-service", "nats", "domain", "forms"]),
    ("events", &["nats", "domain", "forms", "text"]),
    ("command-service", &["nats", "domain", "forms", "text"]),
    ("query-service", &["nats", "domain"]),
    ("follower", &["nats", "domain"]),
    ("projector", &["follower", "nats", "domain"]),
    ("pruning", &["follower", "nats", "domain"]),
    ("webhooks", &["follower", "events", "hosts", "nats", "domain"]),
    ("nats", &["domain"]),
    ("domain", &[]),
    ("forms", &["text"]),
    ("text", &[]),
    ("hosts", &[]),
    ("migrations", &[]),
    ("servers", &[]),
    // Measures the product from outside and from inside; nothing of the product uses it.
    (
        "bench",
        &[
            "gateway",
            "command-service",
            "query-service",
            "follower",
            "projector",
            "pruning",
            "webhooks",
            "nats",
            "domain",
            "migrations",
            "servers",
        ],
    ),
    // For tests only: nobody above uses it.
    ("testbed", &["nats", "migrations", "servers"]),
];

/// What a pure crate has no use for: clocks, chance, files, networks, servers. (`imbl` balances its maps with `rand_xoshiro`, a
/// generator that starts from a fixed seed and asks the system for nothing.)
const NOT_IN_DOMAIN: [&str; 24] = [
    "async-nats",
    "axum",
    "chrono",
    "fastrand",
    "getrandom",
    "http",
    "hyper",
    "hyper-util",
    "libc",
    "mio",
    "native-tls",
    "openssl",
    "quanta",
    "rand",
    "reqwest",
    "ring",
    "rustls",
    "rustix",
    "socket2",
    "sqlx",
    "sqlx-core",
    "time",
    "tokio-util",
    "tracing-subscriber",
];

/// What `cqrs-es` brings along of tokio: locks, channels and macros; neither its clock nor its network.
const TOKIO_IN_DOMAIN: &str = "default,macros,rt,sync,tokio-macros";

const LONGEST_FILE: usize = 450;

static METADATA: LazyLock<Metadata> = LazyLock::new(|| MetadataCommand::new().no_deps().exec().unwrap());

/// Lists all that is linked into a program that uses `domain` alone: each crate's name, and its features.
static DOMAIN_LINKS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let arguments = [
        "tree",
        "--locked",
        "--package=domain",
        "--edges=normal,no-proc-macro",
        "--prefix=none",
        "--no-dedupe",
        "--format={p} {f}",
    ];
    let tree = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let named = |line: &str| Some((line.split(' ').next()?.to_owned(), line.rsplit(' ').next()?.to_owned()));
    tree.lines().filter_map(named).collect()
});

/// Maps each of our crates to what it uses of ours, tests aside.
fn uses() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let ours: BTreeSet<&str> = METADATA.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let of = |package: &&'static Package| {
        let used = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        (package.name.as_str(), used.map(|dependency| dependency.name.as_str()).filter(|name| ours.contains(name)).collect())
    };
    METADATA.workspace_packages().iter().map(of).collect()
}

#[test]
fn our_crates_use_each_other_as_drawn() {
    let drawn: BTreeMap<&str, BTreeSet<&str>> = USES.iter().map(|(name, used)| (*name, used.iter().copied().collect())).collect();
    assert_eq!(uses(), drawn);
}

#[test]
fn the_domain_has_no_clock_no_chance_and_no_way_out() {
    assert!(DOMAIN_LINKS.contains_key("cqrs-es"), "{DOMAIN_LINKS:?}");
    let denied: Vec<&&str> = NOT_IN_DOMAIN.iter().filter(|name| DOMAIN_LINKS.contains_key(**name)).collect();
    assert!(denied.is_empty(), "domain reaches {denied:?}");
    assert_eq!(DOMAIN_LINKS["tokio"], TOKIO_IN_DOMAIN);
}

#[test]
fn jetstream_is_the_business_of_nats_alone() {
    for package in METADATA.workspace_packages() {
        let uses = package.dependencies.iter().any(|used| used.name == "async-nats" && used.kind != DependencyKind::Development);
        // `bench` measures the bare server, to tell what our own layers cost.
        assert_eq!(uses, ["nats", "bench"].contains(&package.name.as_str()), "{}", package.name);
    }
    let elsewhere = sources().into_iter().filter(|(path, text)| {
        let allowed =
            path.starts_with("nats") || path.starts_with("bench") || path.components().any(|part| part.as_os_str() == "tests");
        !allowed && text.contains("async_nats::")
    });
    assert_eq!(elsewhere.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>(), [""; 0]);
}

/// Files that read JSON which this service wrote itself, and has held to its bounds when it came in.
const READS_OWN_JSON: [&str; 5] = ["present.rs", "recipients.rs", "views.rs", "exchange.rs", "payload.rs"];

#[test]
fn json_from_outside_is_read_within_bounds_only() {
    let readers =
        ["serde_json::from_str", "serde_json::from_slice", "serde_json::from_reader", "axum::Json", "axum::extract::Json"];
    let outside = ["gateway", "webhooks", "src"];
    let elsewhere = sources().into_iter().filter(|(path, text)| {
        let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        outside.iter().any(|folder| path.starts_with(folder))
            && !path.components().any(|part| part.as_os_str() == "tests")
            && !path.ends_with("json.rs")
            && !READS_OWN_JSON.iter().any(|own| path.ends_with(own))
            && product
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && readers.iter().any(|reader| line.contains(reader)))
    });
    assert_eq!(elsewhere.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn no_file_is_too_long_to_be_read_once() {
    let long = sources().into_iter().filter(|(_, text)| text.lines().count() > LONGEST_FILE);
    assert_eq!(long.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn every_crate_forbids_what_is_unsafe() {
    let workspace = fs::read_to_string(METADATA.workspace_root.join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    for package in METADATA.workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.name);
    }
}
