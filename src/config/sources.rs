//! Where settings come from, and which of them said what.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use figment::Figment;
use figment::Source;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Uncased, UncasedStr};
use serde_json::Value;

use super::fault::{Fault, Origin, What};
use super::kubernetes::Services;
use super::{Config, ListenOptions};

/// The file with settings in the data folder.
const FILE: &str = "tempchat.toml";
/// The beginning of a setting's name in the environment.
const PREFIX: &str = "TEMPCHAT_";
/// Settings that the environment has without our prefix, as other programs know them.
const BARE: [&str; 2] = ["NATS_URL", "DATABASE_URL"];
/// What the environment has under our prefix that is no setting of the service.
const NO_SETTINGS: [&str; 7] = ["config", "data", "secrets", "nats_server", "postgres_bin", "url", "key"];
/// The beginning of a limit's name in the environment, behind our prefix.
const LIMITS: &str = "LIMITS_";
/// Settings that may hold a password.
const SECRET: [&str; 2] = ["nats_url", "database_url"];

/// Reads `LIMITS_VISITS` as `visits` in the table `limits`.
fn in_table(name: &UncasedStr) -> Uncased<'_> {
    let name = name.as_str();
    match name.get(..LIMITS.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(LIMITS) => {
            format!("limits.{}", name.get(LIMITS.len()..).unwrap_or_default()).into()
        }
        _ => name.into(),
    }
}

/// A setting as it is.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    /// Null where nothing is set, or where it is hidden.
    pub(super) value: Value,
    /// Whether it may hold a password.
    pub(super) is_hidden: bool,
    pub(super) origin: Origin,
}

impl Setting {
    /// Tells whether nobody has set it.
    pub(super) fn is_default(&self) -> bool {
        self.origin == Origin::Default
    }
}

/// All sources of settings, the strongest last.
#[derive(Debug)]
pub(super) struct Sources {
    figment: Figment,
    /// Settings that the command line names.
    flags: Vec<&'static str>,
    file: PathBuf,
}

impl Sources {
    /// Gathers them; without `file` the one in the data folder counts, where there is one.
    pub(super) fn gather(data: &Path, file: Option<&Path>, listen: Option<&ListenOptions>) -> Result<Self> {
        if let Some(file) = file.filter(|file| !file.exists()) {
            bail!("there is no settings file {}; check --config", file.display());
        }
        let file = file.map_or_else(|| data.join(FILE), Path::to_owned);
        let services = Services::among(&env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect::<Vec<_>>());
        let own = move |name: &UncasedStr| !services.have(&format!("{PREFIX}{}", name.as_str()).to_ascii_uppercase());
        let is_set = |name: &UncasedStr| env::var(name.as_str()).is_ok_and(|url| !url.is_empty());
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        if file.exists() {
            // Not looked for in the folders above, as `Toml::file` would.
            figment = figment.merge(Toml::file_exact(&file));
        }
        let mut sources = Self {
            figment: figment
                .merge(Env::prefixed(PREFIX).ignore(&NO_SETTINGS).filter(own).map(in_table))
                .merge(Env::raw().only(&BARE).filter(is_set)),
            flags: Vec::new(),
            file,
        };
        if let Some(ListenOptions { listen, public_url, metrics_listen }) = listen {
            sources.add_flag("listen", listen.as_ref());
            sources.add_flag("public_url", public_url.as_ref());
            sources.add_flag("metrics_listen", metrics_listen.as_ref());
        }
        Ok(sources)
    }

    fn add_flag<T: serde::Serialize>(&mut self, setting: &'static str, value: Option<&T>) {
        if let Some(value) = value {
            self.figment = self.figment.clone().merge(Serialized::default(setting, value));
            self.flags.push(setting);
        }
    }

    /// Reads the settings; the first that is unknown, or of no form that it can have, is an error.
    pub(super) fn extract(&self) -> Result<Config> {
        self.figment.extract().map_err(|error| {
            let mut path = error.path;
            if let figment::error::Kind::UnknownField(name, _) = &error.kind
                && path.last() != Some(name)
            {
                path.push(name.clone());
            }
            if path.is_empty() {
                // Not even the file's form is right.
                let kind = error.kind;
                return anyhow::anyhow!("{} cannot be read, so nothing was started: {kind}", self.file.display());
            }
            refuse(&[self.fault(&path.join("."), Fault::what(error.kind))])
        })
    }

    /// Says what is wrong with a setting.
    pub(super) fn fault(&self, setting: &str, what: What) -> Fault {
        // Of a list the whole is the setting.
        let setting =
            setting.rsplit_once('.').filter(|(_, place)| place.parse::<usize>().is_ok()).map_or(setting, |(list, _)| list);
        let value = self.figment.find_value(setting).ok().and_then(|value| serde_json::to_string(&value).ok());
        let value = value.filter(|value| !may_be_secret(setting, value));
        Fault { setting: setting.to_owned(), value, origin: self.origin(setting), what }
    }

    /// Lists every setting by its name, those in tables after a full stop.
    pub(super) fn settings(&self, config: &Config) -> Result<Vec<Setting>> {
        let mut settings = Vec::new();
        let Value::Object(all) = serde_json::to_value(config)? else { return Ok(settings) };
        for (name, value) in all {
            match value {
                Value::Object(table) => {
                    settings.extend(table.into_iter().map(|(part, value)| self.setting(format!("{name}.{part}"), value)));
                }
                value => settings.push(self.setting(name, value)),
            }
        }
        Ok(settings)
    }

    fn setting(&self, name: String, value: Value) -> Setting {
        let is_hidden = !value.is_null() && may_be_secret(&name, &value.to_string());
        let origin = self.origin(&name);
        Setting { name, value: if is_hidden { Value::Null } else { value }, is_hidden, origin }
    }

    /// Says where a setting comes from.
    fn origin(&self, setting: &str) -> Origin {
        if self.flags.contains(&setting) {
            return Origin::Flag(format!("--{}", setting.replace('_', "-")));
        }
        let Some(metadata) = self.figment.find_metadata(setting) else { return Origin::Default };
        // A variable may hold a whole table.
        let mut tables = setting.match_indices('.').map(|(end, _)| setting.get(..end).unwrap_or(setting));
        let in_environment = |part: &&str| env::var_os(format!("{PREFIX}{}", variable(part))).is_some();
        let name = variable(tables.find(in_environment).unwrap_or(setting));
        match &metadata.source {
            Some(Source::File(path)) => Origin::File(path.clone()),
            _ if metadata.name.contains(PREFIX) => Origin::Environment(format!("{PREFIX}{name}")),
            _ if metadata.name.contains("environment") => Origin::Environment(name),
            _ => Origin::Default,
        }
    }
}

/// Returns a setting's name in the environment, behind our prefix.
fn variable(setting: &str) -> String {
    setting.replace('.', "_").to_ascii_uppercase()
}

/// Tells whether a value is better not shown: addresses with a password in them, and whatever a misspelt name may have been for.
fn may_be_secret(setting: &str, value: &str) -> bool {
    let names = ["secret", "password", "token", "key"];
    SECRET.contains(&setting)
        || value.contains('@')
        || (setting != "token_audience" && !setting.starts_with("limits.") && names.iter().any(|name| setting.contains(name)))
}

/// Tells of settings that cannot be used.
pub(super) fn refuse(faults: &[Fault]) -> anyhow::Error {
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    match lines.as_slice() {
        [line] if line.ends_with('?') => anyhow::anyhow!("{line} Nothing was started"),
        [line] => anyhow::anyhow!("{line}. Nothing was started"),
        lines => anyhow::anyhow!("some settings cannot be used, so nothing was started:\n  {}", lines.join("\n  ")),
    }
}
