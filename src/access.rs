//! Where an installation is reached, and with which agent key.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use url::Url;

use crate::config::Config;

/// The file in the data folder with the address that the installation told to people and agents.
pub(crate) const ADDRESS: &str = "public.url";
/// The file in the data folder with the agent key made for it.
pub(crate) const AGENT_KEY: &str = "agent.key";

/// Which installation, and as whom.
#[derive(Debug, Args)]
pub(crate) struct AccessOptions {
    /// The address of the installation [default: that of the one on the data folder]
    #[arg(long, value_name = "URL", env = "TEMPCHAT_URL")]
    url: Option<Url>,

    /// The agent key; better in the environment, where others cannot see it [default: that in the data folder]
    #[arg(long, value_name = "KEY", env = "TEMPCHAT_KEY", hide_env_values = true)]
    key: Option<String>,
}

/// An address and a key for it.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The address of the server, without `/mcp`.
    pub(crate) base: String,
    pub(crate) key: String,
    /// The data folder that both were read from, if so.
    pub(crate) data: Option<PathBuf>,
}

impl Access {
    /// Takes what the options name, else what the data folder holds.
    pub(crate) fn find(config: &Config, options: AccessOptions) -> Result<Self> {
        let read = |file| std::fs::read_to_string(config.data.join(file)).map(|text| text.trim().to_owned());
        let is_of_folder = options.url.is_none() && options.key.is_none();
        let base = match options.url.or_else(|| config.public_url.clone()) {
            Some(url) => url.to_string(),
            None => read(ADDRESS).unwrap_or_else(|_| format!("http://{}", config.listen)),
        };
        let key = options.key.map_or_else(|| read(AGENT_KEY), Ok).with_context(|| {
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
}
