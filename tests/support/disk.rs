//! Looking into files, past all our own code.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What nats-server's file store writes before a message's subject: the record's length with a bit for headers, the sequence, the time,
/// and the subject's length (little endian).
const PREFIX: usize = 4 + 8 + 8 + 2;
const HAS_HEADERS: u32 = 1 << 31;
/// What stands behind each message: a hash.
const SUFFIX: usize = 8;

/// Finds a message on a subject where nats-server stores messages, and returns its body. (Subjects also stand in other files, which are
/// written now and then and hold no message.)
pub(crate) fn message_on(folder: &Path, subject: &str) -> Option<Vec<u8>> {
    let mut blocks = files_with(folder, subject.as_bytes())
        .into_iter()
        .filter(|file| Path::new(file).extension().is_some_and(|kind| kind == "blk"));
    blocks.find_map(|block| {
        let content = fs::read(block).ok()?;
        let mut starts = content.windows(subject.len()).enumerate().filter(|(_, window)| *window == subject.as_bytes());
        starts.find_map(|(start, _)| body(&content, start, subject.len()))
    })
}

/// Cuts the body out of a record whose subject begins at `start`; none where something else is written there.
fn body(content: &[u8], start: usize, subject: usize) -> Option<Vec<u8>> {
    let record = content.get(start.checked_sub(PREFIX)?..)?;
    let number = |at: usize| Some(u32::from_le_bytes(record.get(at..at + 4)?.try_into().ok()?));
    let is_subject = u16::from_le_bytes(record[PREFIX - 2..PREFIX].try_into().ok()?) == u16::try_from(subject).ok()?;
    let length = number(0)?;
    let behind = PREFIX + subject;
    let headers = if length & HAS_HEADERS == 0 { 0 } else { 4 + usize::try_from(number(behind)?).ok()? };
    let end = usize::try_from(length & !HAS_HEADERS).ok()?.checked_sub(SUFFIX)?;
    is_subject.then(|| record.get(behind + headers..end).map(<[u8]>::to_vec)).flatten()
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
