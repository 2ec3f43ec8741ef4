//! Looks for a server's binary: named by hand, then fetched by `./dev`, then on the PATH, then where packages put it.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{DataDir, Error, account::Account, version::Version};

/// A kind of server that can be looked for.
pub(crate) struct Wanted {
    pub(crate) server: &'static str,
    pub(crate) oldest: Version,
    /// The environment variable with the path of the binary or of its folder.
    pub(crate) variable: &'static str,
    /// The file to look for in a folder.
    pub(crate) file: &'static str,
    /// The folder under a cache that `./dev` fetches it into.
    pub(crate) cached: &'static str,
    /// Folders of packages, each with at most one `*`, in which greater numbers win.
    pub(crate) known: &'static [&'static str],
}

/// A binary that was found and runs.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

impl Wanted {
    /// Runs `--version` of the binary at `named`, else at the variable's path, else of every candidate, as `account` if there is
    /// one.
    /// Returns the first that is new enough and `fits`, else the first that is new enough.
    pub(crate) fn find(
        &self,
        named: Option<&Path>,
        data: &DataDir,
        account: Option<&Account>,
        fits: impl Fn(Version) -> bool,
    ) -> Result<Binary, Error> {
        let named = named.map(Path::to_owned).or_else(|| env::var_os(self.variable).map(PathBuf::from));
        if let Some(named) = named {
            let path = if named.is_dir() { named.join(self.file) } else { named };
            return self.ask(path, account);
        }
        let mut first_good = None;
        let mut first_bad = None;
        for folder in self.folders(data) {
            let path = folder.join(self.file);
            if !path.is_file() {
                continue;
            }
            match self.ask(path, account) {
                Ok(binary) if fits(binary.version) => return Ok(binary),
                Ok(binary) => first_good = first_good.or(Some(binary)),
                Err(error) => first_bad = first_bad.or(Some(error)),
            }
        }
        match (first_good, first_bad) {
            (Some(binary), _) => Ok(binary),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::NotFound { server: self.server, oldest: self.oldest, variable: self.variable }),
        }
    }

    fn folders(&self, data: &DataDir) -> Vec<PathBuf> {
        let mut folders = vec![data.join("servers").join(self.cached)];
        folders.extend(caches().into_iter().map(|cache| cache.join(self.cached)));
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        folders.extend(self.known.iter().flat_map(|pattern| spread(pattern)));
        folders
    }

    fn ask(&self, path: PathBuf, account: Option<&Account>) -> Result<Binary, Error> {
        let mut command = Command::new(&path);
        command.arg("--version").current_dir("/");
        if let Some(account) = account {
            account.runs(&mut command);
        }
        let answer = match command.output() {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Ok(output) => {
                return Err(self.cannot_run(path, account, String::from_utf8_lossy(&output.stderr).trim()));
            }
            Err(error) => return Err(self.cannot_run(path, account, &error.to_string())),
        };
        let Some(version) = Version::parse(&answer) else {
            return Err(self.cannot_run(path, account, &format!("it printed no version but `{answer}`")));
        };
        if version < self.oldest {
            let Self { server, oldest, variable, .. } = *self;
            return Err(Error::TooOld { server, found: version, path, oldest, variable });
        }
        Ok(Binary { path, version })
    }

    fn cannot_run(&self, path: PathBuf, account: Option<&Account>, answer: &str) -> Error {
        let account = account.map(|account| format!(" as {}", account.name)).unwrap_or_default();
        Error::CannotRun { path, account, answer: answer.to_owned(), variable: self.variable }
    }
}

/// Lists the folders that `./dev` fetches binaries into; under root /var/cache, because PostgreSQL's account may be unable to
/// enter
/// root's home.
fn caches() -> Vec<PathBuf> {
    let user = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    [Some(PathBuf::from("/var/cache")), user].into_iter().flatten().map(|cache| cache.join("tempchat")).collect()
}

/// Expands the `*` of `pattern`, greater numbers first.
fn spread(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(format!("{parent}/")).into_iter().flatten().flatten();
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    names.retain(|name| name.to_string_lossy().starts_with(prefix));
    names.sort_by_key(|name| Version::parse(&name.to_string_lossy()));
    names.reverse();
    names.into_iter().map(|name| Path::new(parent).join(name).join(after.trim_start_matches('/'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greater_numbers_come_first() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["9", "15", "16"] {
            fs::create_dir(folder.path().join(name)).expect("a new folder");
        }
        let pattern = format!("{}/*/bin", folder.path().display());
        let expected: Vec<PathBuf> = ["16/bin", "15/bin", "9/bin"].map(|name| folder.path().join(name)).into();
        assert_eq!(spread(&pattern), expected);
    }
}
