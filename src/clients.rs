//! Configuration to paste into the usual MCP clients.

use std::fmt::Write;

use serde_json::json;

/// Returns what to paste where, for a server at `base` and a key.
pub(crate) fn configuration(base: &str, key: &str) -> String {
    let url = format!("{base}/mcp");
    let bearer = format!("Bearer {key}");
    let pretty = |value: serde_json::Value| {
        let text = serde_json::to_string_pretty(&value).expect("plain values are JSON");
        text.lines().fold(String::new(), |all, line| all + "    " + line + "\n")
    };
    let mut text = String::new();
    let mut section = |title: &str, body: String| writeln!(text, "{title}\n\n{}\n", body.trim_end()).expect("a string takes all");
    section("Claude Code", format!("    claude mcp add --transport http tempchat {url} --header \"Authorization: {bearer}\""));
    section(
        "Claude Desktop (claude_desktop_config.json; it speaks stdio, so a small bridge is used)",
        pretty(json!({"mcpServers": {"tempchat": {
            "command": "npx",
            "args": ["-y", "mcp-remote", url, "--header", format!("Authorization: {bearer}")],
        }}})),
    );
    section(
        "Cursor (.cursor/mcp.json)",
        pretty(json!({"mcpServers": {"tempchat": {"url": url, "headers": {"Authorization": bearer}}}})),
    );
    section(
        "VS Code (.vscode/mcp.json)",
        pretty(json!({"servers": {"tempchat": {"type": "http", "url": url, "headers": {"Authorization": bearer}}}})),
    );
    section(
        "Codex (~/.codex/config.toml)",
        format!("    [mcp_servers.tempchat]\n    url = \"{url}\"\n    http_headers = {{ Authorization = \"{bearer}\" }}"),
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_gets_the_address_and_the_key() {
        let text = configuration("http://127.0.0.1:8080", "tc_1_a_b_c");
        assert_eq!(text.matches("http://127.0.0.1:8080/mcp").count(), 5);
        assert_eq!(text.matches("Bearer tc_1_a_b_c").count(), 5);
    }
}
