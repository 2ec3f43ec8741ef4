//! `tempchat config`: the settings as they are, and where each comes from.

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::sources::{Setting, Sources};
use super::{Config, check};
use crate::output::print;

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say whether the settings can be used; nothing is started
    Check,
    /// List every setting with its value and where it comes from; addresses with passwords are not shown
    Show,
}

/// Carries out a command about settings. Those that cannot be used are an error that names them.
pub(crate) fn run(data: &Path, file: Option<&Path>, command: &Command, as_json: bool) -> Result<()> {
    let sources = Sources::gather(data, file, None)?;
    let config = Config { data: data.to_owned(), ..sources.extract()? };
    check::all(&config, &sources)?;
    let settings = sources.settings(&config)?;
    match command {
        Command::Check => {
            let set = settings.iter().filter(|setting| !setting.is_default()).count();
            let plain = format!("the settings can be used: {set} of {} are set, the others have their defaults", settings.len());
            print(as_json, &json!({"ok": true, "set": set, "settings": settings.len()}), &plain);
        }
        Command::Show => {
            let values: Vec<Value> = settings.iter().map(as_value).collect();
            print(as_json, &Value::Array(values), &as_table(&settings));
        }
    }
    Ok(())
}

fn as_value(setting: &Setting) -> Value {
    json!({
        "name": setting.name,
        "value": setting.value,
        "is_hidden": setting.is_hidden,
        "from": setting.origin.to_string(),
        "is_default": setting.is_default(),
    })
}

fn as_table(settings: &[Setting]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["setting", "value", "from"]);
    for setting in settings {
        let value = match &setting.value {
            _ if setting.is_hidden => "(not shown)".to_owned(),
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.add_row([setting.name.clone(), value, setting.origin.to_string()]);
    }
    table.trim_fmt()
}
