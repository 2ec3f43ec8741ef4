//! The data folder: what must be in it, who may read that, and how much room is left.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytesize::ByteSize;

use super::finding::Finding;
use crate::access::AGENT_KEY;
use crate::config::Config;
use crate::installation;

const PART: &str = "data folder";
/// Less than this is a day of a busy installation.
const LITTLE: ByteSize = ByteSize::gib(1);
/// Less than this, and nats-server soon stores nothing.
const TOO_LITTLE: ByteSize = ByteSize::mib(200);
/// Others may read it.
const OF_OTHERS: u32 = 0o077;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let folder = &config.data;
    if !folder.is_dir() {
        let mend = "start `tempchat up` there, or name the folder of the installation with --data";
        return vec![Finding::critical(PART, format!("there is no folder {}", folder.display()), mend)];
    }
    let mut findings = vec![room(folder)];
    match installation::read_secrets(folder) {
        Ok(_) => {}
        Err(error) => {
            let mend =
                "without its secrets an installation's words can be read by nobody: put the file back from the backup of KEYS";
            findings.push(Finding::critical(PART, format!("{error:#}"), mend));
        }
    }
    for name in [installation::SECRETS, AGENT_KEY] {
        let path = folder.join(name);
        let Ok(found) = path.metadata() else { continue };
        let mode = found.permissions().mode() & 0o777;
        if mode & OF_OTHERS != 0 {
            let found = format!("{} can be read by others (mode {mode:03o})", path.display());
            findings.push(Finding::critical(PART, found, format!("chmod 600 {}", path.display())));
        }
    }
    findings
}

fn room(folder: &Path) -> Finding {
    let free = match servers::free(folder) {
        Ok(free) => ByteSize(free),
        Err(error) => return Finding::warning(PART, error.to_string(), "see whether the disk is mounted"),
    };
    let found = format!("{free} are free on the disk of {}", folder.display());
    let mend = "make room on it; what the log may take is told by `shards` and `shard_grows_to`";
    if free < TOO_LITTLE {
        Finding::critical(PART, found, mend)
    } else if free < LITTLE {
        Finding::warning(PART, found, mend)
    } else {
        Finding::ok(PART, found)
    }
}
