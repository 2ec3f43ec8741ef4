//! An operator asks what is wrong: settings, folder, service, log and rows, each with what mends it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::{Folder, Installation, Process};

/// What the doctor says of an installation, and how it ends.
fn ask(folder: &Folder, environment: &[(&str, &str)]) -> (i32, Vec<Value>) {
    let output = Process::command(folder, &["--json", "doctor"]).envs(environment.iter().copied()).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code().unwrap(), said["findings"].as_array().unwrap().clone())
}

/// The findings that are not as they should be, each with its mend.
fn faults(findings: &[Value]) -> Vec<String> {
    let bad = findings.iter().filter(|finding| finding["level"] != "ok");
    bad.map(|finding| {
        let mend = finding["mend"].as_str().unwrap_or_else(|| panic!("{finding} says what mends it"));
        format!("{} {}: {} -> {mend}", finding["level"].as_str().unwrap(), finding["part"].as_str().unwrap(), finding["found"])
    })
    .collect()
}

#[test]
fn what_runs_well_is_well_and_what_does_not_is_named_with_its_mend() {
    let installation = Installation::start();
    let folder = installation.folder();
    let (code, findings) = ask(folder, &[]);
    assert_eq!((code, faults(&findings)), (0, vec![]));
    for part in ["settings", "data folder", "service", "log", "rows"] {
        assert!(findings.iter().any(|finding| finding["part"] == part), "{part} in {findings:?}");
    }

    // A warning is no failure, and ends with 1.
    let (code, findings) = ask(folder, &[("TEMPCHAT_METRICS_LISTEN", "0.0.0.0:9999")]);
    assert_eq!(code, 1, "{findings:?}");
    assert!(faults(&findings).iter().any(|fault| fault.contains("0.0.0.0:9999") && fault.contains("metrics_listen")));

    // A secret that others may read.
    let key = installation.data().join("agent.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let (code, findings) = ask(folder, &[]);
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(code, 2, "{findings:?}");
    let chmod = format!("chmod 600 {}", key.display());
    assert!(faults(&findings).iter().any(|fault| fault.starts_with("critical") && fault.contains(&chmod)), "{findings:?}");

    // A setting that cannot be.
    let (code, findings) = ask(folder, &[("TEMPCHAT_SHARDS", "0")]);
    assert_eq!(code, 2);
    assert!(faults(&findings).iter().any(|fault| fault.contains("`shards` cannot be 0")), "{findings:?}");

    // A server that is not there.
    let (code, findings) = ask(folder, &[("NATS_URL", "nats://127.0.0.1:9"), ("DATABASE_URL", "postgres://127.0.0.1:9/none")]);
    assert_eq!(code, 2);
    for part in ["critical log", "critical rows"] {
        assert!(faults(&findings).iter().any(|fault| fault.starts_with(part)), "{part} in {findings:?}");
    }
}

#[test]
fn where_nothing_is_the_next_step_is_told() {
    let folder = Folder::new();
    let (code, findings) = ask(&folder, &[("TEMPCHAT_LISTEN", "127.0.0.1:9")]);
    assert_eq!(code, 2);
    assert!(faults(&findings).iter().any(|fault| fault.contains("tempchat up")), "{findings:?}");
}

#[test]
fn a_container_asks_whether_the_service_is_ready() {
    let installation = Installation::shared();
    for arguments in [["healthcheck"].as_slice(), &["healthcheck", "--live"]] {
        let output = Process::command(installation.folder(), arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let output = Process::command(&Folder::new(), &["healthcheck"]).env("TEMPCHAT_LISTEN", "127.0.0.1:9").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("127.0.0.1:9"), "{output:?}");
}

#[test]
fn settings_are_listed_with_their_origin_and_without_passwords() {
    let folder = Folder::new();
    let secret = "postgres://me:hunter2@db.example/chat";
    let output = Process::command(&folder, &["--json", "config", "show"])
        .envs([("DATABASE_URL", secret), ("TEMPCHAT_SHARDS", "7"), ("TEMPCHAT_LIMITS_VISITS", "{burst=1,per_minute=2}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let settings: Vec<Value> = serde_json::from_str(&text).unwrap();
    let find = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap_or_else(|| panic!("{name} in {text}"));
    assert_eq!((&find("shards")["value"], &find("shards")["from"]), (&7.into(), &"TEMPCHAT_SHARDS in the environment".into()));
    assert_eq!(find("database_url")["is_hidden"], true);
    assert_eq!(find("limits.visits")["value"]["per_minute"], 2);
    assert_eq!(find("audit_days")["is_default"], true);
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    let folder = Folder::new();
    let said = |arguments: &[&str]| {
        let output = Process::command(&folder, arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(said(&["completions", shell]).contains("doctor"), "{shell}");
    }
    assert!(said(&["man"]).contains("tempchat"));
    let pages = folder.path().join("man");
    said(&["man", "--to", pages.to_str().unwrap()]);
    for page in ["tempchat.1", "tempchat-doctor.1", "tempchat-agent-webhook-set.1"] {
        assert!(pages.join(page).is_file(), "{page}");
    }
}
