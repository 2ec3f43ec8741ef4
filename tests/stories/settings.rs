//! Settings that cannot be are refused by their name, with the value and what would do, before anything starts; what can be counts from
//! the first start on.

use std::fs;

use crate::support::{Folder, Installation, Process};

/// Starts with settings that cannot be, and returns what was said; nothing came of it.
fn refused(flags: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> String {
    let folder = Folder::new();
    if let Some(file) = file {
        fs::create_dir(folder.data()).unwrap();
        fs::write(folder.data().join("tempchat.toml"), file).unwrap();
    }
    let arguments = [&["up", "--no-demo"], flags].concat();
    let mut command = Process::command(&folder, &arguments);
    let output = command.env_remove("TEMPCHAT_SHARD_SIZE").envs(environment.iter().copied()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && !error.contains("panicked"), "{flags:?} {environment:?} {file:?}: {error}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let expected = if file.is_some() { vec![folder.data().file_name().unwrap().to_owned()] } else { vec![] };
    assert_eq!(left, expected, "nothing is written");
    if file.is_some() {
        assert_eq!(fs::read_dir(folder.data()).unwrap().count(), 1, "nothing is written beside the settings");
    }
    error
}

fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part} in: {error}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_its_name_before_anything_starts() {
    for (name, value, wanted) in [
        ("SHARDS", "0", "from 1 to 1024"),
        ("SHARDS", "four", "a whole number"),
        ("SHARDS", "70000", "65535"),
        ("REPLICAS", "6", "from 1 to 5"),
        ("SHARD_SIZE", "0", "8.0 MiB"),
        ("SHARD_SIZE", "much", "SHARD_SIZE"),
        ("SHARD_GIB", "0", "from 1"),
        ("SHARD_GROWS_TO", "16MiB", "shard_size"),
        ("LISTEN", "nowhere", "LISTEN"),
        ("METRICS_LISTEN", "127.0.0.1:8080", "another port"),
        ("PUBLIC_URL", "ftp://x", "http://"),
        ("PUBLIC_URL", "https://x/chat?a=b", "https://chat.example"),
        ("AUTHORIZATION_SERVER", "http://issuer.example", "https address"),
        ("AUTHORIZATION_SERVER", "issuer", "https address"),
        ("ALLOWED_HOSTS", "[\"chat.internal:80\"]", "without ports"),
        ("READER_CONNECTIONS", "0", "from 1"),
        ("SHORTEST_LIFETIME_SECONDS", "99999999", "2592000"),
        ("SESSION_MIB_A_DAY", "0", "from 1"),
        ("AUDIT_DAYS", "0", "from 1"),
        ("PRUNE_AFTER_DAYS", "soon", "never"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("WEBHOOK_NETWORKS", "[\"10.0.0.0/99\"]", "WEBHOOK_NETWORKS"),
        ("LIMITS_VISITS", "{burst=0,per_minute=1}", "LIMITS_VISITS"),
    ] {
        let error = refused(&[], &[(&format!("TEMPCHAT_{name}"), value)], None);
        assert_says(
            &error,
            &[
                &format!("TEMPCHAT_{name} in the environment"),
                value.trim_matches(['[', ']', '{', '}', '"']).split('=').next().unwrap(),
                wanted,
            ],
        );
    }
    let error = refused(&["--public-url", "ftp://x"], &[], None);
    assert_says(&error, &["public_url", "ftp://x", "--public-url"]);
    // All of them at once.
    let error = refused(&[], &[("TEMPCHAT_SHARDS", "0"), ("TEMPCHAT_AUDIT_DAYS", "0")], None);
    assert_says(&error, &["`shards`", "`audit_days`"]);
}

#[test]
fn what_is_unknown_is_refused_with_what_was_meant() {
    let error = refused(&[], &[("TEMPCHAT_SHARD", "3")], None);
    assert_says(&error, &["`shard`", "3", "TEMPCHAT_SHARD in the environment", "did you mean `shards`?"]);
    let error = refused(&[], &[], Some("listen = \"127.0.0.1:0\"\npublic-url = \"https://chat.example\"\n"));
    assert_says(&error, &["`public-url`", "https://chat.example", "tempchat.toml", "did you mean `public_url`?"]);
    let error = refused(&[], &[], Some("[limits]\nvisit = { burst = 1, per_minute = 1 }\n"));
    assert_says(&error, &["`limits.visit`", "did you mean `limits.visits`?"]);
    let error = refused(&[], &[], Some("[limits]\nvisits = { bursts = 1, per_minute = 1 }\n"));
    assert_says(&error, &["did you mean `limits.visits.burst`?"]);
    let error = refused(&[], &[], Some("shards = \n"));
    assert_says(&error, &["tempchat.toml"]);
    let error = refused(&[], &[], Some("data = \"elsewhere\"\n"));
    assert_says(&error, &["`data`"]);
}

#[test]
fn passwords_in_settings_are_never_told() {
    for (name, value) in [
        ("NATS_URL", "http://user:hidden@127.0.0.1:4222"),
        ("DATABASE_URL", "mysql://user:hidden@127.0.0.1/rows"),
        ("TEMPCHAT_DATABASE_ULR", "postgres://user:hidden@127.0.0.1/rows"),
        ("TEMPCHAT_PASSWORD", "hidden"),
    ] {
        let error = refused(&[], &[(name, value)], None);
        assert!(!error.contains("hidden") && error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn settings_in_the_folder_count_from_the_first_start_on() {
    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    fs::write(folder.data().join("tempchat.toml"), "shards = 2\noperator_name = \"Harbour office\"\n").unwrap();
    // What Kubernetes says of a Service of our name is no setting.
    let of_a_service =
        [("TEMPCHAT_SERVICE_HOST", "10.0.0.1"), ("TEMPCHAT_SERVICE_PORT", "80"), ("TEMPCHAT_PORT", "tcp://10.0.0.1:80")];
    let installation = Installation::with(folder, Vec::leak(of_a_service.to_vec()));
    assert_eq!(installation.json(&["log", "verify"]).len(), 2, "so many shards");
}
