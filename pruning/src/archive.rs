//! Keeps what is pruned as files: a JSON object a line and message, with all that its leaf is made of.
//!
//! The words in it stay sealed: their keys were destroyed with the erasure. A file is complete once it has its name.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use nats::{Epoch, PrunableMessage, Shard};
use serde::Serialize;

use crate::Error;

/// A line of an archive.
#[derive(Serialize)]
struct Line<'a> {
    epoch: String,
    shard: u16,
    sequence: u64,
    subject: &'a str,
    headers: &'a [(String, String)],
    /// The stored bytes in base64.
    payload: String,
    /// What stands for the message in the shard's running hash, hexadecimal.
    leaf: String,
}

/// Writes messages to a file of their own in `folder`, and returns once they are on the disk.
pub(crate) async fn write(folder: &Path, epoch: Epoch, shard: Shard, messages: Vec<PrunableMessage>) -> Result<(), Error> {
    let Some(first) = messages.iter().map(|message| message.sequence).min() else { return Ok(()) };
    // A repeat after a crash may write it again: what it held was not pruned yet, and is archived with what follows.
    let path = folder.join(epoch.to_string()).join(format!("shard-{shard}-{first:020}.ndjson"));
    let target = path.clone();
    let written = tokio::task::spawn_blocking(move || write_file(&target, epoch, shard, &messages)).await;
    let written = written.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
    written.map_err(|source| Error::Archive { path, source })
}

fn write_file(path: &PathBuf, epoch: Epoch, shard: Shard, messages: &[PrunableMessage]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Who talked when is readable in it: for nobody but this account.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = BufWriter::new(OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?);
    for message in messages {
        let line = Line {
            epoch: epoch.to_string(),
            shard: shard.0,
            sequence: message.sequence,
            subject: &message.subject,
            headers: &message.headers,
            payload: BASE64.encode(&message.payload),
            leaf: message.leaf.to_string(),
        };
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    file.into_inner()?.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}
