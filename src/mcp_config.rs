//! `tempchat mcp-config`: configuration for the usual MCP clients, with the address of the server and the key.

#![expect(clippy::doc_markdown, reason = "`--help` shows the clients' lines as they stand")]

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::access::{Access, AccessOptions};
use crate::config::Config;

/// Options of `tempchat mcp-config`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// For which client
    #[arg(value_enum)]
    client: Client,

    #[command(flatten)]
    access: AccessOptions,
}

/// A client whose configuration is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Anthropic's command line
    ClaudeCode,
    /// Anthropic's desktop app, over `tempchat stdio`
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    VsCode,
    /// OpenAI's command line
    Codex,
    /// Google's command line
    GeminiCli,
    /// Any other host that speaks stdio only, over `tempchat stdio`
    Stdio,
}

/// A configuration, and where it belongs.
#[derive(Debug)]
struct Snippet {
    belongs: &'static str,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Json(Value),
}

/// Carries out `tempchat mcp-config`.
pub(crate) fn run(config: &Config, options: Options, as_json: bool) -> Result<()> {
    let Snippet { belongs, content } = options.client.snippet(&Access::find(config, options.access)?);
    if as_json {
        let content = match content {
            Content::Text(text) => text.into(),
            Content::Json(value) => value,
        };
        crate::output::line(json!({"belongs": belongs, "configuration": content}));
    } else {
        crate::output::note(format_args!("{belongs}:"));
        crate::output::line(content.to_text());
    }
    Ok(())
}

impl Client {
    /// Writes the configuration of this client.
    fn snippet(self, access: &Access) -> Snippet {
        let url = format!("{}/mcp", access.base);
        let bearer = format!("Bearer {}", access.key);
        let headers = json!({"Authorization": bearer});
        let (belongs, content) = match self {
            Self::ClaudeCode => (
                "Claude Code",
                Content::Text(format!("claude mcp add --transport http tempchat {url} --header \"Authorization: {bearer}\"")),
            ),
            Self::ClaudeDesktop => (
                "Claude Desktop (claude_desktop_config.json; it speaks stdio, so `tempchat stdio` goes between)",
                Content::Json(json!({"mcpServers": {"tempchat": bridge(access)}})),
            ),
            Self::Cursor => (
                "Cursor (.cursor/mcp.json)",
                Content::Json(json!({"mcpServers": {"tempchat": {"url": url, "headers": headers}}})),
            ),
            Self::VsCode => (
                "VS Code (.vscode/mcp.json)",
                Content::Json(json!({"servers": {"tempchat": {"type": "http", "url": url, "headers": headers}}})),
            ),
            Self::Codex => (
                "Codex (~/.codex/config.toml)",
                Content::Text(format!(
                    "[mcp_servers.tempchat]\nurl = \"{url}\"\nhttp_headers = {{ Authorization = \"{bearer}\" }}"
                )),
            ),
            Self::GeminiCli => (
                "Gemini CLI (~/.gemini/settings.json)",
                Content::Json(json!({"mcpServers": {"tempchat": {"httpUrl": url, "headers": headers}}})),
            ),
            Self::Stdio => ("A host that starts a command and speaks over stdio", Content::Json(bridge(access))),
        };
        Snippet { belongs, content }
    }
}

/// Says how a host starts `tempchat stdio`. A key goes into the environment, never on a command line that others can see.
fn bridge(access: &Access) -> Value {
    let program = std::env::current_exe().unwrap_or_else(|_| "tempchat".into());
    match &access.data {
        Some(data) => json!({"command": program, "args": ["stdio", "--data", absolute(data)]}),
        None => json!({
            "command": program,
            "args": ["stdio"],
            "env": {"TEMPCHAT_URL": access.base, "TEMPCHAT_KEY": access.key},
        }),
    }
}

/// Makes a path absolute.
fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

impl Content {
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Json(value) => serde_json::to_string_pretty(value).expect("plain values are JSON"),
        }
    }
}

/// Returns what to paste where, for all clients that have a place of their own.
pub(crate) fn configuration(access: &Access) -> String {
    let own = Client::value_variants().iter().filter(|client| **client != Client::Stdio);
    let sections = own.map(|client| {
        let Snippet { belongs, content } = client.snippet(access);
        let lines = content.to_text().lines().fold(String::new(), |all, line| all + "    " + line + "\n");
        format!("{belongs}\n\n{lines}")
    });
    sections.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(data: Option<PathBuf>) -> Access {
        Access { base: "http://127.0.0.1:8080".to_owned(), key: "tc_1_a_b_c".to_owned(), data }
    }

    #[test]
    fn every_client_gets_the_address_and_the_key() {
        let text = configuration(&access(Some("/data".into())));
        assert_eq!(text.matches("http://127.0.0.1:8080/mcp").count(), 5);
        assert_eq!(text.matches("Bearer tc_1_a_b_c").count(), 5);
        assert!(text.contains("\"/data\"") && text.contains("\"stdio\""), "{text}");
    }

    #[test]
    fn a_bridge_reads_the_key_where_it_lies_or_from_its_environment() {
        assert_eq!(bridge(&access(Some("/data".into())))["args"], json!(["stdio", "--data", "/data"]));
        let bridge = bridge(&access(None));
        assert_eq!(bridge["env"], json!({"TEMPCHAT_URL": "http://127.0.0.1:8080", "TEMPCHAT_KEY": "tc_1_a_b_c"}));
        assert!(!bridge["args"].to_string().contains("tc_1"));
    }
}
