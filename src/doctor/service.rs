//! The service as its visitors meet it: on this machine, and by its public address.

use std::time::Duration;

use body::read_json;
use serde::Deserialize;

use super::finding::Finding;
use crate::config::Config;
use crate::healthcheck::address;

const PART: &str = "service";
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read.
const LONGEST: usize = 64 << 10;

/// What `/healthz` answers.
const OK: &[u8] = b"ok\n";

/// What `/readyz` answers, as far as it is told here.
#[derive(Deserialize)]
struct Readiness {
    parts: Vec<Part>,
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct Part {
    name: String,
    ready: bool,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Warning {
    code: String,
    detail: String,
}

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let client = match reqwest::Client::builder().timeout(PATIENCE).no_proxy().build() {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::warning(
                PART,
                format!("{:#}", anyhow::Error::from(error)),
                "see the certificates of this machine (SSL_CERT_FILE)",
            )];
        }
    };
    let (mut here, public) = tokio::join!(here(config, &client), public(config, &client));
    here.extend(public);
    here
}

async fn here(config: &Config, client: &reqwest::Client) -> Vec<Finding> {
    let url = format!("{}/readyz", address(config));
    let answer = match client.get(&url).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let mend = "start `tempchat up` or `tempchat serve gateway`, or set `listen` as the service has it";
            return vec![Finding::warning(
                PART,
                format!("nothing answers at {url}: {}", format_args!("{:#}", anyhow::Error::from(error))),
                mend,
            )];
        }
    };
    let status = answer.status();
    let read = read(answer).await.and_then(|text| read_json(&text).ok());
    let Some(Readiness { parts, warnings }) = read else {
        let mend = "choose another `listen`, or stop what listens there";
        return vec![Finding::critical(PART, format!("{url} is answered by another program ({status})"), mend)];
    };
    let mut findings: Vec<_> = parts
        .into_iter()
        .filter(|part| !part.ready)
        .map(|part| {
            let detail = part.detail.unwrap_or_else(|| "not ready".to_owned());
            Finding::critical(
                PART,
                format!("{}: {detail}", part.name),
                "see the log of the service for when it began, and its cause",
            )
        })
        .collect();
    findings.extend(warnings.into_iter().map(|Warning { code, detail }| {
        Finding::warning(
            PART,
            format!("{code}: {detail}"),
            "see `tempchat schedule list`, `tempchat agent webhook list`, `tempchat log verify`",
        )
    }));
    if findings.is_empty() {
        findings.push(Finding::ok(PART, format!("every part of it does its work at {}", address(config))));
    }
    findings
}

/// Reads what a service of ours says; another program may say anything, at any length.
async fn read(mut answer: reqwest::Response) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > LONGEST {
            return None;
        }
    }
    Some(text)
}

async fn public(config: &Config, client: &reqwest::Client) -> Option<Finding> {
    let base = config.public_url.as_ref()?;
    let url = format!("{}/healthz", base.as_str().trim_end_matches('/'));
    let found = match client.get(&url).send().await {
        Ok(answer) => {
            let is_ok = answer.status().is_success();
            if is_ok && read(answer).await.as_deref() == Some(OK) {
                return Some(Finding::ok(PART, format!("it is reached by {base}")));
            }
            format!("{url} is not answered by this service")
        }
        Err(error) => format!("{url} cannot be reached from here: {:#}", anyhow::Error::from(error)),
    };
    let mend = "see where the name leads, whether the proxy runs and its certificate is good, and that it hands on /healthz";
    Some(Finding::warning(PART, found, mend))
}
