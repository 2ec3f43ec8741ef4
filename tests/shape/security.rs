//! SECURITY.md and docs/asvs.md: whatever they name by path or as a test is there, and every requirement has a row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::METADATA;
use super::sources::sources;

/// The documents that name what holds a threat or a requirement.
const DOCUMENTS: [&str; 2] = ["SECURITY.md", "docs/asvs.md"];
/// How many requirements of the levels 1 and 2 ASVS 5.0 has.
const REQUIREMENTS: usize = 253;
/// How a row says where its requirement stands.
const STANDINGS: [&str; 5] = ["held", "part", "gap", "operator", "n/a"];
/// How far before a test its attribute may stand: further attributes and comments come between.
const ATTRIBUTE_WITHIN: usize = 6;

fn read(document: &str) -> String {
    let path = METADATA.workspace_root.join(document);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lists what stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Tells what is wrong with a name in backticks; nothing where it is no path, or is one that is there.
fn fault(name: &str) -> Option<String> {
    let (path, test) = name.split_once("::").map_or((name, None), |(path, test)| (path, Some(test)));
    let is_source = Path::new(path).extension().is_some_and(|ending| ending == "rs");
    if path.starts_with('/') || path.contains(char::is_whitespace) || !(path.contains('/') || is_source) {
        return None;
    }
    let file = METADATA.workspace_root.join(path);
    if !file.exists() {
        return Some(format!("{name}: there is no {path}"));
    }
    let test = test?;
    let source = fs::read_to_string(&file).unwrap_or_default();
    (!has_test(&source, test)).then(|| format!("{name}: {path} has no such test"))
}

/// Tells whether a source has a test of this name.
fn has_test(source: &str, test: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let named = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ").and_then(|rest| rest.strip_prefix(test));
        let before = &lines[at.saturating_sub(ATTRIBUTE_WITHIN)..at];
        let since = before.iter().rposition(|line| line.contains("fn ")).map_or(0, |end| end + 1);
        let is_test = before[since..].iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
        named.is_some_and(|rest| rest.starts_with('(')) && is_test
    })
}

#[test]
fn what_the_security_documents_name_is_there() {
    for document in DOCUMENTS {
        let text = read(document);
        let faults: Vec<String> = quoted(&text).filter_map(fault).collect();
        assert_eq!(faults, [""; 0], "{document}");
        let tests = quoted(&text).filter(|name| name.contains(".rs::")).count();
        assert!(tests > 50, "{document} names tests: {tests}");
    }
}

#[test]
fn every_requirement_has_one_row_that_says_where_it_stands() {
    let text = read("docs/asvs.md");
    let mut ids = BTreeSet::new();
    let mut count = 0;
    for row in text.lines().filter(|line| line.starts_with('|') && line.contains('.')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, _, stands] = cells[..] else { continue };
        let numbers: Vec<u32> = id.split('.').filter_map(|number| number.parse().ok()).collect();
        if numbers.len() != 3 {
            continue;
        }
        count += 1;
        assert!(ids.insert(numbers), "{id} stands twice");
        let standing = stands.split(':').next().unwrap_or_default();
        assert!(STANDINGS.contains(&standing) && stands.len() > standing.len() + 3, "{id}: {stands}");
        // What is held is held somewhere.
        assert!(standing != "held" || stands.contains('`'), "{id} names nothing that holds it");
    }
    assert_eq!((count, ids.len()), (REQUIREMENTS, REQUIREMENTS));
}

#[test]
fn a_name_that_leads_nowhere_is_noticed() {
    assert_eq!(fault("tests/shape/security.rs::a_name_that_leads_nowhere_is_noticed"), None);
    assert_eq!(fault("/api/v1/sessions"), None, "an address is no path");
    assert_eq!(fault("tempchat log verify"), None);
    assert!(fault("tests/shape/security.rs::fault").is_some(), "a function is no test");
    assert!(fault("tests/shape/security.rs::a_name").is_some(), "a part of a name is no name");
    assert!(fault("tests/shape/safety.rs").is_some());
    assert!(fault("gateway/nowhere/").is_some());
}

/// The only file that puts a statement together: `CREATE DATABASE` takes no parameters, and the name is checked.
const BUILDS_SQL: &str = "servers/src/postgres.rs";

#[test]
fn no_statement_is_put_together_from_text() {
    // sqlx takes a statement that is no literal only from those who say that they have checked it.
    let builders = sources().into_iter().filter(|(path, text)| {
        !path.starts_with("bench")
            && !path.components().any(|part| part.as_os_str() == "tests")
            && text.contains("AssertSqlSafe(")
    });
    let builders: Vec<String> = builders.map(|(path, _)| path.display().to_string()).collect();
    assert_eq!(builders, [BUILDS_SQL]);
}
