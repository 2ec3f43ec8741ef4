//! The streams: created once, then read back and compared, because an older server drops settings it does not know.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use serde::Deserialize;
use serde_json::json;

use crate::log::position::{Epoch, Shard};
use crate::log::subjects;
use crate::{Error, Opening, Options, random};

const EPOCH: &str = "tempchat-epoch";
const SHARDS: &str = "tempchat-shards";
const FORMAT: &str = "tempchat-format";
/// The format of the log as a whole: subjects, shards, codec.
const FORMAT_VERSION: &str = "2";
/// The format of shards whose running hash could not go over what was purged.
const FORMAT_1: &str = "1";
/// The format of the streams beside the log, which has not changed.
const BESIDE_VERSION: &str = "1";
/// Feeds of one shard at once; the server's own default is 1000 and may be lowered there without notice.
const MAX_CONSUMERS: i32 = 512;
/// How long a hand-off code leads anywhere: `domain::Policy::handoff_lifetime`'s most.
const HANDOFF_MAX_AGE: Duration = Duration::from_mins(5);
/// Bytes of all hand-off codes: some 200,000 within [`HANDOFF_MAX_AGE`].
const HANDOFF_MAX_BYTES: i64 = 32 << 20;

/// How long a cancelled task is remembered: longer than any task's result may be asked for.
const TASKS_MAX_AGE: Duration = Duration::from_hours(31 * 24);
/// Bytes of all cancelled tasks: some 400,000; beyond that the oldest are forgotten, which wait again.
const TASKS_MAX_BYTES: i64 = 64 << 20;

/// Bytes of the audit, and entries of one kind: a flood of one kind reaches neither the stream's end nor another kind's entries.
const AUDIT_MAX_BYTES: i64 = 64 << 20;
const AUDIT_MAX_OF_A_KIND: i64 = 50_000;

/// The part of an answer of `$JS.API.STREAM.INFO` that counts messages by subject.
#[derive(Deserialize)]
struct Info {
    state: State,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    subjects: HashMap<String, u64>,
}

/// One stream of the log as the server describes it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) epoch: Epoch,
    pub(crate) max_bytes: u64,
    pub(crate) bytes: u64,
    pub(crate) last: u64,
    pub(crate) replicas: usize,
    /// Whether its running hash is still that of format 1.
    pub(crate) is_of_format_1: bool,
}

/// Creates the streams of a new log, and compares those that exist; returns the shards in order. A command makes and changes none.
pub(crate) async fn open(jetstream: &Context, options: &Options) -> Result<Vec<Found>, Error> {
    let is_kept = options.opening == Opening::Keep;
    // The first shard is created last: if it exists, all others once did.
    let first = match read(jetstream, &subjects::stream(Shard(0))).await? {
        Some(config) => config,
        None if is_kept => create_log(jetstream, options).await?,
        None => return Err(Error::NoLog),
    };
    // A command's settings say nothing of the log there is.
    let of_the_log = Options { replicas: first.num_replicas, shard_bytes: 1, ..options.clone() };
    let options = if is_kept { options } else { &of_the_log };
    let shards: u16 = first.metadata.get(SHARDS).and_then(|text| text.parse().ok()).unwrap_or(0);
    if shards == 0 {
        return Err(differs(&first.name, vec![format!("metadata {SHARDS}: wanted a number from 1, found none")]));
    }
    let mut found = Vec::with_capacity(usize::from(shards));
    for shard in (0..shards).map(Shard) {
        found.push(verify_shard(jetstream, shard, shards, options).await?);
    }
    if is_kept {
        ensure(jetstream, &keys(options)).await?;
        ensure(jetstream, &handoffs(options)).await?;
        ensure_audit(jetstream, options).await?;
        ensure(jetstream, &tasks(options)).await?;
    } else {
        expect(jetstream, &keys(options)).await?;
    }
    Ok(found)
}

/// Doubles the byte limit of a shard, up to `most`; says what it is then.
pub(crate) async fn grow(jetstream: &Context, shard: Shard, most: u64) -> Result<u64, Error> {
    let name = subjects::stream(shard);
    let mut config = read(jetstream, &name).await?.ok_or(Error::StreamMissing { stream: name })?;
    let limit = u64::try_from(config.max_bytes).unwrap_or(u64::MAX);
    let larger = limit.saturating_mul(2).min(most);
    if larger <= limit {
        return Ok(limit);
    }
    config.max_bytes = i64::try_from(larger).unwrap_or(i64::MAX);
    jetstream.update_stream(config).await.map_err(|error| created(&error.kind(), &error))?;
    Ok(larger)
}

/// Reads a shard as it is now.
pub(crate) async fn find(jetstream: &Context, shard: Shard) -> Result<Found, Error> {
    let name = subjects::stream(shard);
    let stream = jetstream.get_stream(&name).await.map_err(|error| {
        if not_found(&error.kind()) { Error::StreamMissing { stream: name.clone() } } else { Error::unavailable(error) }
    })?;
    let info = stream.cached_info();
    let epoch = info.config.metadata.get(EPOCH).and_then(|text| Epoch::parse(text));
    Ok(Found {
        epoch: epoch.ok_or_else(|| differs(&name, vec![format!("metadata {EPOCH}: wanted 32 hexadecimal digits")]))?,
        max_bytes: u64::try_from(info.config.max_bytes).unwrap_or(u64::MAX),
        bytes: info.state.bytes,
        last: info.state.last_sequence,
        replicas: info.config.num_replicas,
        is_of_format_1: is_of_format_1(&info.config),
    })
}

fn is_of_format_1(config: &Config) -> bool {
    config.metadata.get(FORMAT).is_some_and(|format| format == FORMAT_1)
}

/// Gives a shard of format 1 the present format: older programs refuse it from now on.
pub(crate) async fn raise_format(jetstream: &Context, shard: Shard) -> Result<(), Error> {
    let name = subjects::stream(shard);
    let mut config = read(jetstream, &name).await?.ok_or(Error::StreamMissing { stream: name })?;
    config.metadata.insert(FORMAT.to_owned(), FORMAT_VERSION.to_owned());
    jetstream.update_stream(config).await.map_err(|error| created(&error.kind(), &error))?;
    Ok(())
}

/// Asks the leader how many messages a subject of a shard has.
pub(crate) async fn messages(jetstream: &Context, shard: Shard, subject: &str) -> Result<u64, Error> {
    let request = json!({ "subjects_filter": subject });
    let Info { state } =
        jetstream.request(format!("STREAM.INFO.{}", subjects::stream(shard)), &request).await.map_err(Error::unavailable)?;
    Ok(state.subjects.get(subject).copied().unwrap_or_default())
}

async fn create_log(jetstream: &Context, options: &Options) -> Result<Config, Error> {
    let shards = options.shards.max(1);
    for shard in (0..shards).rev().map(Shard) {
        let wanted = events(shard, shards, options);
        if let Some(found) = read(jetstream, &wanted.name).await? {
            // Either an interrupted start left it or another process is creating it now; one with commits belongs to a log that
            // lost its first shard.
            let last = find(jetstream, shard).await?.last;
            let is_other = found.metadata.get(SHARDS) != wanted.metadata.get(SHARDS);
            if shard.0 != 0 && (last > 0 || is_other) {
                return Err(Error::StreamMissing { stream: subjects::stream(Shard(0)) });
            }
        }
        ensure(jetstream, &wanted).await?;
    }
    let name = subjects::stream(Shard(0));
    read(jetstream, &name).await?.ok_or(Error::StreamMissing { stream: name })
}

/// Creates a stream unless it exists, and compares it.
async fn ensure(jetstream: &Context, wanted: &Config) -> Result<(), Error> {
    if read(jetstream, &wanted.name).await?.is_none() {
        match jetstream.create_stream(wanted.clone()).await {
            Ok(_) => {}
            // Another process created it first.
            Err(error) if matches!(error.kind(), CreateStreamErrorKind::JetStream(ref cause) if cause.error_code() == ErrorCode::STREAM_NAME_EXIST) =>
                {}
            Err(error) => return Err(created(&error.kind(), &error)),
        }
    }
    expect(jetstream, wanted).await
}

/// Compares a stream that must be there.
async fn expect(jetstream: &Context, wanted: &Config) -> Result<(), Error> {
    let found = read(jetstream, &wanted.name).await?.ok_or_else(|| Error::StreamMissing { stream: wanted.name.clone() })?;
    compare(wanted, &found)
}

/// Creates the stream of the audit, or gives it the age that is set now.
async fn ensure_audit(jetstream: &Context, options: &Options) -> Result<(), Error> {
    let wanted = audit(options);
    if let Some(found) = read(jetstream, &wanted.name).await?.filter(|found| found.max_age != wanted.max_age) {
        let config = Config { max_age: wanted.max_age, ..found };
        jetstream.update_stream(config).await.map_err(|error| created(&error.kind(), &error))?;
    }
    ensure(jetstream, &wanted).await
}

async fn verify_shard(jetstream: &Context, shard: Shard, shards: u16, options: &Options) -> Result<Found, Error> {
    let mut wanted = events(shard, shards, options);
    let Some(found) = read(jetstream, &wanted.name).await? else {
        return Err(Error::StreamMissing { stream: wanted.name });
    };
    if is_of_format_1(&found) {
        // It is taken over once all shards are known.
        wanted.metadata.insert(FORMAT.to_owned(), FORMAT_1.to_owned());
    }
    compare(&wanted, &found)?;
    if options.shard_bytes > found.max_bytes {
        tracing::info!(
            stream = wanted.name,
            from = found.max_bytes,
            to = options.shard_bytes,
            "raising the byte limit of a shard"
        );
        wanted.metadata = found.metadata;
        let updated = jetstream.update_stream(wanted.clone()).await.map_err(|error| created(&error.kind(), &error))?;
        compare(&wanted, &updated.config)?;
    }
    find(jetstream, shard).await
}

fn events(shard: Shard, shards: u16, options: &Options) -> Config {
    Config {
        subjects: vec![subjects::events_of_shard(shard)],
        max_bytes: options.shard_bytes,
        deny_delete: true,
        allow_direct: true,
        compression: Some(Compression::S2),
        metadata: HashMap::from([
            (EPOCH.to_owned(), Epoch(random::bytes()).to_string()),
            (SHARDS.to_owned(), shards.to_string()),
            (FORMAT.to_owned(), FORMAT_VERSION.to_owned()),
        ]),
        ..plain(subjects::stream(shard), options)
    }
}

/// The stream of the data keys: uncompressed and without direct reads, so that deleting a message overwrites its only bytes in
/// place.
fn keys(options: &Options) -> Config {
    Config {
        subjects: vec![subjects::ALL_KEYS.to_owned()],
        max_bytes: -1,
        compression: Some(Compression::None),
        metadata: HashMap::from([(FORMAT.to_owned(), BESIDE_VERSION.to_owned())]),
        ..plain(subjects::KEYS.to_owned(), options)
    }
}

/// The stream of hand-off codes: entries expire by age, and a code's subject holds one entry.
fn handoffs(options: &Options) -> Config {
    Config {
        subjects: vec![subjects::ALL_HANDOFFS.to_owned()],
        max_age: HANDOFF_MAX_AGE,
        max_bytes: HANDOFF_MAX_BYTES,
        compression: Some(Compression::None),
        metadata: HashMap::from([(FORMAT.to_owned(), BESIDE_VERSION.to_owned())]),
        ..plain(subjects::HANDOFFS.to_owned(), options)
    }
}

/// The stream of cancelled tasks: a record goes by its age, and a task's subject holds one.
fn tasks(options: &Options) -> Config {
    Config {
        subjects: vec![subjects::ALL_TASKS.to_owned()],
        max_age: TASKS_MAX_AGE,
        max_bytes: TASKS_MAX_BYTES,
        discard: DiscardPolicy::Old,
        compression: Some(Compression::S2),
        metadata: HashMap::from([(FORMAT.to_owned(), BESIDE_VERSION.to_owned())]),
        ..plain(subjects::TASKS.to_owned(), options)
    }
}

/// The stream of the audit: the oldest entries go by their age or for newer ones of their kind, and no others.
fn audit(options: &Options) -> Config {
    Config {
        subjects: vec![subjects::ALL_AUDIT.to_owned()],
        max_age: options.audit_for,
        max_bytes: AUDIT_MAX_BYTES,
        max_messages_per_subject: AUDIT_MAX_OF_A_KIND,
        discard: DiscardPolicy::Old,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        compression: Some(Compression::S2),
        metadata: HashMap::from([(FORMAT.to_owned(), BESIDE_VERSION.to_owned())]),
        ..plain(subjects::AUDIT.to_owned(), options)
    }
}

fn plain(name: String, options: &Options) -> Config {
    Config {
        name,
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: MAX_CONSUMERS,
        num_replicas: options.replicas,
        ..Config::default()
    }
}

/// Names every setting that differs from the wanted one; the byte limit and the epoch are the existing stream's own.
fn compare(wanted: &Config, found: &Config) -> Result<(), Error> {
    let mut differences = Vec::new();
    macro_rules! same {
        ($($setting:ident),+ $(,)?) => {
            $(if wanted.$setting != found.$setting {
                differences.push(format!("{}: wanted {:?}, found {:?}", stringify!($setting), wanted.$setting, found.$setting));
            })+
        };
    }
    same!(
        subjects,
        storage,
        retention,
        discard,
        discard_new_per_subject,
        max_messages,
        max_messages_per_subject,
        max_age,
        max_consumers,
        num_replicas,
        no_ack,
        sealed,
        allow_rollup,
        deny_delete,
        deny_purge,
        allow_direct,
        compression,
        allow_message_ttl,
    );
    same_source(wanted, found, &mut differences);
    for name in [SHARDS, FORMAT] {
        let (wanted, found) = (wanted.metadata.get(name), found.metadata.get(name));
        if wanted != found {
            differences.push(format!("metadata {name}: wanted {wanted:?}, found {found:?}"));
        }
    }
    if (wanted.max_bytes > 0) != (found.max_bytes > 0) {
        differences.push(format!("max_bytes: wanted {}, found {}", wanted.max_bytes, found.max_bytes));
    }
    if differences.is_empty() { Ok(()) } else { Err(differs(&wanted.name, differences)) }
}

/// A mirror, a source or a transform would add messages that this program did not write.
fn same_source(wanted: &Config, found: &Config, differences: &mut Vec<String>) {
    if wanted.mirror != found.mirror || wanted.sources != found.sources || wanted.subject_transform != found.subject_transform {
        differences.push("mirror, sources or subject_transform: wanted none, found some".to_owned());
    }
}

async fn read(jetstream: &Context, name: &str) -> Result<Option<Config>, Error> {
    match jetstream.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) if not_found(&error.kind()) => Ok(None),
        Err(error) => Err(Error::unavailable(error)),
    }
}

fn not_found(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn created(kind: &CreateStreamErrorKind, error: &dyn std::fmt::Display) -> Error {
    match kind {
        CreateStreamErrorKind::JetStream(cause) => Error::Refused { code: cause.error_code().0, description: cause.to_string() },
        _ => Error::unavailable(error),
    }
}

fn differs(stream: &str, differences: Vec<String>) -> Error {
    Error::StreamDiffers { stream: stream.to_owned(), differences }
}
