//! Looking into files, past all our own code.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns what follows `mark` in some file of a folder.
pub(crate) fn behind(folder: &Path, mark: &[u8], length: usize) -> Option<Vec<u8>> {
    every_file(folder).iter().find_map(|file| {
        let content = fs::read(file).ok()?;
        let start = find(&content, mark)? + mark.len();
        content.get(start..start + length).map(<[u8]>::to_vec)
    })
}

/// Lists the files of a folder that hold some bytes.
pub(crate) fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let files = every_file(folder).into_iter();
    // A server may remove a file after it was listed: then it holds nothing any more.
    let holding = files.filter(|file| fs::read(file).is_ok_and(|content| find(&content, bytes).is_some()));
    holding.map(|file| file.display().to_string()).collect()
}

fn find(content: &[u8], bytes: &[u8]) -> Option<usize> {
    content.windows(bytes.len()).position(|window| window == bytes)
}

fn every_file(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                files.push(path);
            }
        }
    }
    files
}
