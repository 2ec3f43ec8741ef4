//! The protocol's own conformance suite against the real binary, in both eras: the scenarios that ask for no tool, resource or
//! prompt of a made-up name.

use super::support::{Installation, Proxy, Run, npm_tool};

const OF_2026: [&str; 9] = [
    "tools-list",
    "resources-list",
    "prompts-list",
    "caching",
    "dns-rebinding-protection",
    "http-header-validation",
    "sep-2164-resource-not-found",
    "server-sse-multiple-streams",
    "input-required-result-unsupported-methods",
];
const OF_2025: [&str; 6] =
    ["server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "dns-rebinding-protection"];

/// Runs scenarios, one after the other, each without a failure or a warning.
async fn pass(version: &str, scenarios: &[&str]) {
    let installation = Installation::shared();
    let proxy = Proxy::before(installation.url(), installation.key()).await;
    for scenario in scenarios {
        let mut suite = npm_tool("conformance");
        suite.args(["server", "--url", &format!("{}/mcp", proxy.url()), "--spec-version", version, "--scenario", scenario]);
        // It writes its results where it stands.
        suite.current_dir(installation.folder().path());
        let ended = Run::start(suite).end().await;
        let passes = ended.succeeded && ended.stdout.contains(" 0 failed, 0 warnings");
        assert!(passes, "{version} {scenario}:\n{}\n{}", ended.stdout, ended.stderr);
    }
}

#[tokio::test]
async fn the_scenarios_of_2026_07_28_pass() {
    pass("2026-07-28", &OF_2026).await;
}

#[tokio::test]
async fn the_scenarios_of_2025_11_25_pass() {
    pass("2025-11-25", &OF_2025).await;
}
