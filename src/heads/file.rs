//! The file of signed heads: one JSON line a head, thinned out, so that it does not grow for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use domain::Timestamp;
use nats::{Shard, SignedHead, Signer};

use crate::config::Config;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Every head of this time is kept.
const ALL_FOR: i64 = 2 * DAY_MS;
/// One head a day and shard is kept for this time.
const DAILY_FOR: i64 = 366 * DAY_MS;
/// So many lines may be left over before the file is written anew.
const LEFT_OVER: usize = 256;
/// The longest file that is read: many times what thinning leaves of a thousand shards.
const LONGEST: u64 = 256 << 20;

/// The file, by its path.
#[derive(Debug, Clone)]
pub(crate) struct HeadsFile {
    path: PathBuf,
}

/// The right to write the file.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held, not read")] File);

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, from 1.
    pub(crate) number: usize,
    pub(crate) text: String,
}

impl HeadsFile {
    /// Finds the file of an installation.
    pub(crate) fn of(config: &Config) -> Self {
        Self { path: config.data.join(&config.heads_file) }
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody else writes the file.
    pub(crate) fn lock(&self) -> Result<Lock> {
        // The file itself is replaced now and then, and its lock with it.
        let path = self.path.with_added_extension("lock");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let locked = file.and_then(|file| file.lock().map(|()| file));
        Ok(Lock(locked.with_context(|| format!("{} cannot be locked; is heads_file where it may be written?", path.display()))?))
    }

    /// Reads the lines; one that a power cut has left without an end is none, and where there is no file there are none.
    pub(crate) fn lines(&self) -> Result<Vec<Line>> {
        let text = self.read().with_context(|| format!("{} cannot be read", self.path.display()))?;
        let whole = text.rfind('\n').map_or("", |end| text.split_at(end).0);
        let lines = whole.lines().zip(1..).filter(|(text, _)| !text.is_empty());
        Ok(lines.map(|(text, number)| Line { number, text: text.to_owned() }).collect())
    }

    /// Reads all heads and verifies their signatures; documents of other types are passed over.
    pub(crate) fn verified(&self, signer: &Signer) -> Result<Vec<SignedHead>> {
        let lines = self.lines()?.into_iter();
        let heads: Result<Vec<_>> = lines.map(|line| self.parse(signer, &line)).collect();
        Ok(heads?.into_iter().flatten().collect())
    }

    /// Reads the newest head of each shard, and verifies those.
    pub(crate) fn newest(&self, signer: &Signer) -> Result<BTreeMap<Shard, SignedHead>> {
        let mut newest: BTreeMap<Shard, Line> = BTreeMap::new();
        for line in self.lines()? {
            let read = SignedHead::read(&line.text).with_context(|| self.no_head(line.number))?;
            if let Some(head) = read {
                newest.insert(head.head.shard, line);
            }
        }
        let parsed = newest.into_iter().map(|(shard, line)| Ok(self.parse(signer, &line)?.map(|head| (shard, head))));
        Ok(parsed.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Appends heads, and writes the file anew where much of it can go.
    pub(crate) fn append(&self, _lock: &Lock, heads: &[SignedHead]) -> Result<()> {
        let Some(now) = heads.iter().map(|head| head.at).max() else { return Ok(()) };
        let written = || -> Result<()> {
            let mut lines: Vec<String> = self.lines()?.into_iter().map(|line| line.text).collect();
            let torn = self.read()?.chars().next_back().is_some_and(|last| last != '\n');
            lines.extend(heads.iter().map(SignedHead::line));
            let left_over = left_over(&lines, now);
            if torn || left_over.len() >= LEFT_OVER {
                let kept = lines.iter().zip(0..).filter(|(_, at)| !left_over.contains(at)).map(|(line, _)| line.as_str());
                return Ok(self.replace(&whole_lines(kept))?);
            }
            let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            file.write_all(whole_lines(heads.iter().map(SignedHead::line)).as_bytes())?;
            Ok(file.sync_data()?)
        };
        written().with_context(|| format!("{} cannot be written; is there room on its disk?", self.path.display()))
    }

    fn parse(&self, signer: &Signer, line: &Line) -> Result<Option<SignedHead>> {
        SignedHead::parse(signer, &line.text).with_context(|| self.no_head(line.number))
    }

    fn no_head(&self, number: usize) -> String {
        format!(
            "line {number} of {} is no signed head of this installation's: restore the file, or move it away if that line cannot be \
             explained, and sign anew with `tempchat log heads`",
            self.path.display()
        )
    }

    fn read(&self) -> Result<String> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(error.into()),
        };
        let length = file.metadata()?.len();
        if length > LONGEST {
            bail!("it has {length} bytes, more than {LONGEST}");
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Writes the file beside itself and puts it in its place: a power cut leaves one of the two.
    fn replace(&self, text: &str) -> io::Result<()> {
        let beside = self.path.with_added_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

fn whole_lines(lines: impl Iterator<Item = impl AsRef<str>>) -> String {
    lines.fold(String::new(), |text, line| text + line.as_ref() + "\n")
}

/// Finds the lines that can go: of each shard the newest head stays, all of two days, and the last of each day for a year. What is no
/// head stays.
fn left_over(lines: &[String], now: Timestamp) -> BTreeSet<usize> {
    let (mut seen, mut newest, mut left_over) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (at, line) in lines.iter().enumerate().rev() {
        let Ok(Some(head)) = SignedHead::read(line) else { continue };
        let (shard, age) = (head.head.shard, now.0 - head.at.0);
        let is_newest = newest.insert(shard);
        let is_last_of_day = seen.insert((shard, head.at.0.div_euclid(DAY_MS)));
        let stays = is_newest || age < ALL_FOR || (age < DAILY_FOR && is_last_of_day);
        if !stays {
            left_over.insert(at);
        }
    }
    left_over
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that nobody signed, of the `n`th five minutes.
    fn line(shard: u16, n: i64) -> String {
        let at = time::OffsetDateTime::from_unix_timestamp(1_795_000_000 + n * 300).unwrap();
        let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
        let (epoch, hash) = ("01".repeat(16), "02".repeat(32));
        format!(
            r#"{{"type":"head","at":"{at}","shard":{shard},"epoch":"{epoch}","sequence":{n},"running_hash":"{hash}","leaf":"{hash}"}}"#
        )
    }

    #[test]
    fn a_year_of_heads_is_thinned_to_one_a_day_and_two_days_whole() {
        let days = 500;
        let lines: Vec<_> = (0..days * 288).flat_map(|n| [line(0, n), line(1, n)]).collect();
        let now = Timestamp((1_795_000_000 + (days * 288 - 1) * 300) * 1000);
        let gone = left_over(&lines, now);
        let stay = lines.len() - gone.len();
        assert!((2 * (2 * 288 + 363)..=2 * (2 * 288 + 367)).contains(&stay), "{stay} lines stay");
        assert!(!gone.contains(&(lines.len() - 1)));
    }

    #[test]
    fn the_newest_of_each_shard_and_what_is_no_head_stays() {
        let lines = [line(0, 0), line(0, 1), line(1, 0), r#"{"type":"restore"}"#.to_owned(), "nonsense".to_owned()];
        let now = Timestamp(1_795_000_000_000 + 1_000 * DAY_MS);
        assert_eq!(left_over(&lines, now), BTreeSet::from([0]));
    }

    #[test]
    fn a_torn_line_is_none_and_goes_with_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data: folder.path().to_owned(), ..Config::default() };
        let file = HeadsFile::of(&config);
        assert_eq!(file.lines().unwrap(), []);
        let signer = Signer::new(&nats::Secrets::generate());
        let read: nats::ShardHead = SignedHead::read(&line(0, 3)).unwrap().unwrap().head;
        let head = SignedHead::new(&signer, read);
        file.append(&file.lock().unwrap(), std::slice::from_ref(&head)).unwrap();
        let mut torn = fs::read_to_string(file.path()).unwrap();
        torn.push_str(r#"{"type":"he"#);
        fs::write(file.path(), torn).unwrap();
        assert_eq!(file.verified(&signer).unwrap(), std::slice::from_ref(&head));
        file.append(&file.lock().unwrap(), std::slice::from_ref(&head)).unwrap();
        assert_eq!(file.verified(&signer).unwrap(), [head.clone(), head.clone()]);
        assert_eq!(file.newest(&signer).unwrap().get(&Shard(0)), Some(&head));
        let other = Signer::new(&nats::Secrets::generate());
        assert!(format!("{:#}", file.newest(&other).unwrap_err()).contains("line 2"));
    }
}
