//! Configuration for the usual MCP clients, to paste or to print: where the server is, and with which key.

#![expect(clippy::doc_markdown, reason = "`--help` shows the clients' lines as they stand")]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Value, json};
use url::Url;

use crate::cli::{McpConfig, Target};
use crate::config::Config;

/// The file in the data folder with the address that the installation told to people and agents.
pub(crate) const ADDRESS: &str = "public.url";
/// The file in the data folder with the agent key made for it.
pub(crate) const AGENT_KEY: &str = "agent.key";

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

/// How an agent comes in.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The address of the server, without `/mcp`.
    pub(crate) base: String,
    pub(crate) key: String,
    /// The data folder that both were read from, if so.
    pub(crate) data: Option<PathBuf>,
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
pub(crate) fn run(config: &Config, options: McpConfig, as_json: bool) -> Result<()> {
    let Snippet { belongs, content } = Access::find(config, options.target)?.snippet(options.client);
    if as_json {
        let content = match content {
            Content::Text(text) => text.into(),
            Content::Json(value) => value,
        };
        println!("{}", json!({"belongs": belongs, "configuration": content}));
    } else {
        eprintln!("{belongs}:");
        println!("{}", content.written());
    }
    Ok(())
}

impl Access {
    /// Takes what the options name, else what the data folder holds.
    pub(crate) fn find(config: &Config, target: Target) -> Result<Self> {
        let read = |file| std::fs::read_to_string(config.data.join(file)).map(|text| text.trim().to_owned());
        let is_of_folder = target.url.is_none() && target.key.is_none();
        let base = match target.url.or_else(|| config.public_url.clone()) {
            Some(url) => url.to_string(),
            None => read(ADDRESS).unwrap_or_else(|_| format!("http://{}", config.listen)),
        };
        let key = target.key.map_or_else(|| read(AGENT_KEY), Ok).with_context(|| {
            let folder = config.data.display();
            format!("there is no agent key in {folder}: name the folder of `tempchat up` with --data, or set TEMPCHAT_KEY")
        })?;
        let base = base.trim_end_matches('/').trim_end_matches("/mcp").to_owned();
        Ok(Self { base, key, data: is_of_folder.then(|| config.data.clone()) })
    }

    /// Returns the server's address for MCP.
    pub(crate) fn endpoint(&self) -> Result<Url> {
        format!("{}/mcp", self.base).parse().with_context(|| format!("{} is no address", self.base))
    }

    fn snippet(&self, client: Client) -> Snippet {
        let url = format!("{}/mcp", self.base);
        let bearer = format!("Bearer {}", self.key);
        let headers = json!({"Authorization": bearer});
        let (belongs, content) = match client {
            Client::ClaudeCode => (
                "Claude Code",
                Content::Text(format!("claude mcp add --transport http tempchat {url} --header \"Authorization: {bearer}\"")),
            ),
            Client::ClaudeDesktop => (
                "Claude Desktop (claude_desktop_config.json; it speaks stdio, so `tempchat stdio` goes between)",
                Content::Json(json!({"mcpServers": {"tempchat": self.bridge()}})),
            ),
            Client::Cursor => (
                "Cursor (.cursor/mcp.json)",
                Content::Json(json!({"mcpServers": {"tempchat": {"url": url, "headers": headers}}})),
            ),
            Client::VsCode => (
                "VS Code (.vscode/mcp.json)",
                Content::Json(json!({"servers": {"tempchat": {"type": "http", "url": url, "headers": headers}}})),
            ),
            Client::Codex => (
                "Codex (~/.codex/config.toml)",
                Content::Text(format!(
                    "[mcp_servers.tempchat]\nurl = \"{url}\"\nhttp_headers = {{ Authorization = \"{bearer}\" }}"
                )),
            ),
            Client::GeminiCli => (
                "Gemini CLI (~/.gemini/settings.json)",
                Content::Json(json!({"mcpServers": {"tempchat": {"httpUrl": url, "headers": headers}}})),
            ),
            Client::Stdio => ("A host that starts a command and speaks over stdio", Content::Json(self.bridge())),
        };
        Snippet { belongs, content }
    }

    /// Says how a host starts the bridge. A key stands in the environment, never on a command line that others can see.
    fn bridge(&self) -> Value {
        let program = std::env::current_exe().unwrap_or_else(|_| "tempchat".into());
        match &self.data {
            Some(data) => json!({"command": program, "args": ["stdio", "--data", whole(data)]}),
            None => json!({
                "command": program,
                "args": ["stdio"],
                "env": {"TEMPCHAT_URL": self.base, "TEMPCHAT_KEY": self.key},
            }),
        }
    }
}

/// Writes a folder so that it is found from anywhere.
fn whole(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

impl Content {
    fn written(&self) -> String {
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
        let Snippet { belongs, content } = access.snippet(*client);
        let lines = content.written().lines().fold(String::new(), |all, line| all + "    " + line + "\n");
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
        assert_eq!(access(Some("/data".into())).bridge()["args"], json!(["stdio", "--data", "/data"]));
        let bridge = access(None).bridge();
        assert_eq!(bridge["env"], json!({"TEMPCHAT_URL": "http://127.0.0.1:8080", "TEMPCHAT_KEY": "tc_1_a_b_c"}));
        assert!(!bridge["args"].to_string().contains("tc_1"));
    }
}
