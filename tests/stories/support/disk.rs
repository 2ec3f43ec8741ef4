//! Looking into files, past all our own code.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Returns what follows `mark` in some file of a folder, so many bytes or what there is.
pub(crate) fn behind(folder: &Path, mark: &str, length: usize) -> Option<Vec<u8>> {
    files_with(folder, mark.as_bytes()).iter().find_map(|file| {
        let content = fs::read(file).ok()?;
        let start = content.windows(mark.len()).position(|window| window == mark.as_bytes())? + mark.len();
        Some(content[start..].iter().copied().take(length).collect())
    })
}

/// Lists the files of a folder that hold some bytes, or the longest part of them without a line's end.
pub(crate) fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let part = bytes.split(|byte| *byte == b'\n').max_by_key(|part| part.len()).unwrap_or_default();
    let pattern = part.iter().fold(String::new(), |mut pattern, byte| {
        write!(pattern, "\\x{byte:02x}").expect("a string takes all");
        pattern
    });
    // Its status and complaints say nothing: a server may remove a file that was just listed.
    let grep = Command::new("grep")
        .args(["--recursive", "--files-with-matches", "--text", "--no-messages", "--perl-regexp", &pattern])
        .arg(folder)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&grep.stderr), "");
    String::from_utf8(grep.stdout).unwrap().lines().map(str::to_owned).collect()
}
