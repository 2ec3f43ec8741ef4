//! Our files, as text.

use std::fs;
use std::path::{Path, PathBuf};

use super::METADATA;

/// Reads all our Rust files, with their paths from the root.
pub(super) fn sources() -> Vec<(PathBuf, String)> {
    let root = METADATA.workspace_root.as_std_path();
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = METADATA
        .workspace_packages()
        .iter()
        .map(|package| package.manifest_path.parent().unwrap().as_std_path())
        .flat_map(|folder| ["src", "tests", "benches", "examples"].map(|part| folder.join(part)))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root).unwrap_or(Path::new("")).to_owned(), text));
            }
        }
    }
    assert!(files.len() > 100, "the files are where they are looked for");
    files
}
