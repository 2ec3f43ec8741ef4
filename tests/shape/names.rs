//! Names: the field's word before our own, and one meaning for each. STYLE of the house, as far as a test can hold it.

use std::collections::BTreeMap;
use std::path::Path;

use syn::{Item, Visibility};

use super::sources::sources;

/// File names that say nothing, or that a stranger would have to have explained; with the field's word.
const NOT_A_FILE: [(&str, &str); 22] = [
    ("chance", "random"),
    ("common", "what it holds"),
    ("era", "protocol_version"),
    ("face", "link_preview"),
    ("figures", "metrics"),
    ("fullness", "capacity"),
    ("hearing", "wait"),
    ("helpers", "what it holds"),
    ("kept", "acknowledged"),
    ("manager", "what it does"),
    ("moment", "rfc3339"),
    ("outlook", "next_step"),
    ("patience", "retry_policy"),
    ("place", "reachability"),
    ("places", "admissions"),
    ("reach", "egress_guard"),
    ("rollup", "answer_summary"),
    ("shares", "concurrency"),
    ("telling", "render"),
    ("told", "payload"),
    ("utils", "what it holds"),
    ("weight", "cache_weight"),
];

/// Names of types that need an explanation; with the field's word.
const NOT_A_TYPE: [(&str, &str); 14] = [
    ("Ear", "WaitScope"),
    ("Heard", "Received"),
    ("Hearing", "Wait"),
    ("Held", "Cached"),
    ("Kept", "Acknowledged"),
    ("Lost", "AppendFailure"),
    ("Order", "Request"),
    ("Outlook", "NextStep"),
    ("Patience", "RetryPolicy"),
    ("Reach", "EgressGuard"),
    ("Refused", "CommandError"),
    ("Teller", "Renderer"),
    ("Told", "Payload"),
    ("Warmth", "StateCache"),
];

/// Types of `domain` that are named by the module of their aggregate: `link::Event`, `session::Event`.
const NAMED_BY_MODULE: [&str; 6] = ["Command", "Event", "Rejection", "Settings", "Standing", "Status"];

#[test]
fn files_are_named_by_the_fields_words() {
    let wrong = sources().into_iter().filter(|(path, _)| is_product(path)).filter_map(|(path, _)| {
        let stem = path.file_stem()?.to_str()?;
        let (_, right) = NOT_A_FILE.iter().find(|(name, _)| *name == stem)?;
        Some(format!("{}: say {right}", path.display()))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn types_are_named_by_the_fields_words() {
    let mut wrong = Vec::new();
    for (path, name, _) in types() {
        if let Some((_, right)) = NOT_A_TYPE.iter().find(|(denied, _)| *denied == name) {
            wrong.push(format!("{path}: {name}, say {right}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_two_public_types_of_a_crate_have_one_bare_name() {
    let mut places: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (path, name, is_public) in types() {
        let Some((of_crate, _)) = path.split_once("/src/") else { continue };
        let is_named_by_module = of_crate == "domain" && NAMED_BY_MODULE.contains(&name.as_str());
        if is_public && !is_named_by_module {
            places.entry((of_crate.to_owned(), name)).or_default().push(path);
        }
    }
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

/// Lists the types of all crates: the file, the name, and whether it is public without restriction.
fn types() -> Vec<(String, String, bool)> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        if is_product(&path) {
            let file = syn::parse_file(&text).unwrap();
            found.extend(file.items.iter().filter_map(|item| {
                let (name, visibility) = match item {
                    Item::Struct(item) => (&item.ident, &item.vis),
                    Item::Enum(item) => (&item.ident, &item.vis),
                    Item::Trait(item) => (&item.ident, &item.vis),
                    Item::Type(item) => (&item.ident, &item.vis),
                    _ => return None,
                };
                Some((path.display().to_string(), name.to_string(), matches!(visibility, Visibility::Public(_))))
            }));
        }
    }
    assert!(found.len() > 300, "the types are where they are looked for");
    found
}

fn is_product(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "src") && !path.components().any(|part| part.as_os_str() == "tests")
}
