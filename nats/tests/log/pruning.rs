use std::path::Path;
use std::time::Duration;

use domain::session::{EndReason, Event, Session};
use domain::{Address, LinkId, SessionId, Timestamp};
use nats::{
    AppendError, Backbone, Feed, Hash, Message, Opening, Options, PrunedLink, PrunedSession, Pruning, Reserve, Secrets,
    SessionFigures, Shard, VerifyError,
};
use servers::{DataDir, NatsOptions, NatsServer};
use tokio::time::timeout;

use crate::world::{World, agent, append, command, commit, fill, session};

/// Another session of agent 1.
fn other() -> Address {
    Address::session(agent(1), SessionId::new([50; 16]))
}

/// Two sessions whose commits take turns, the first of them erased.
async fn erased_among_others(backbone: &Backbone) -> Address {
    let store = backbone.store();
    let (erased, other) = (session(1), other());
    let (mut first, mut second) = Default::default();
    for n in 0..5 {
        first = append(&store, erased, n, &first).await.unwrap();
        second = append(&store, other, n, &second).await.unwrap();
    }
    let end = commit(command(erased, 99), &first, vec![Event::Erased]);
    store.append::<Session>(erased, &first, &end, Reserve::Ending).await.unwrap();
    append(&store, other, 5, &second).await.unwrap();
    erased
}

/// Records an aggregate as pruned; returns the record's sequence.
async fn record(backbone: &Backbone, address: Address, after: u64) -> Result<u64, AppendError> {
    let domain::Target::Session(session) = address.target else { panic!("a session") };
    let commits = backbone.prunable(address).await.unwrap().expect("it is erased");
    let figures = SessionFigures {
        day: 20_000,
        chatter_messages: 5,
        agent_messages: 0,
        wrote: true,
        first_reply_ms: None,
        length_ms: 1000,
        end_reason: EndReason::ChatterLeft,
        rating: None,
        is_unanswered: true,
        fields_answered: 0,
    };
    let commits = commits.iter().map(|commit| (commit.sequence, commit.leaf)).collect();
    let sessions = vec![PrunedSession { session, commits, figures }];
    let link = PrunedLink { agent: address.agent, link: LinkId::new([5; 16]), whole: None, sessions };
    let pruning = Pruning::Links { at: Timestamp(1), links: vec![link] };
    backbone.record_pruning(backbone.shard_of(address.agent), after, &pruning).await
}

async fn read_to(feed: &mut Feed, end: u64) -> Vec<Message> {
    let mut all = Vec::new();
    while feed.last() < end {
        all.extend(timeout(Duration::from_mins(2), feed.next(100)).await.expect("the feed goes on").unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_remains_of_a_pruned_shard_proves_itself() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(agent(1));
    let erased = erased_among_others(&backbone).await;
    let head = backbone.shard_head(shard, None).await.unwrap();
    let recorded = record(&backbone, erased, 0).await.unwrap();
    let whole = backbone.verify(shard, &[4]).await.unwrap();
    assert_eq!((whole.commits, whole.pruned, whole.pruning_records), (12, 0, 1), "both present is valid");

    assert_eq!(backbone.purge(erased).await.unwrap(), 6);
    assert_eq!(backbone.purge(erased).await.unwrap(), 0, "a repeat finishes what a crash has cut off");
    let pruned = backbone.verify(shard, &[3, 4]).await.unwrap();
    assert_eq!((pruned.commits, pruned.pruned, pruned.running), (6, 6, whole.running));
    assert_eq!(pruned.running_at[&4], whole.running_at[&4], "the hash goes over what is gone");

    let later = backbone.shard_head(shard, Some(&head)).await.unwrap();
    assert_eq!((later.sequence, later.running), (recorded, whole.running), "what is pruned lawfully contradicts no head");
    assert_eq!(backbone.shard_head(shard, None).await.unwrap(), later);

    let mut feed = backbone.feed(shard, 0, Hash::default());
    let messages = read_to(&mut feed, recorded).await;
    assert_eq!(messages.last().unwrap().running(), whole.running);
    assert_eq!(messages.iter().map(Message::sequence).collect::<Vec<_>>(), [2, 4, 6, 8, 10, 12, 13]);
    let mut rest = backbone.feed(shard, 3, pruned.running_at[&3]);
    assert_eq!(read_to(&mut rest, recorded).await.last().unwrap().running(), whole.running);
    assert_eq!(feed.unrecorded(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_recorded_gaps_are_taken() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(agent(1));
    let erased = erased_among_others(&backbone).await;
    let recorded = record(&backbone, erased, 0).await.unwrap();
    backbone.purge(erased).await.unwrap();
    backbone.purge(other()).await.unwrap();
    let error = backbone.verify(shard, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unrecorded { count: 6, first: 2, last: 12, .. }), "{error}");
    let mut feed = backbone.feed(shard, 0, Hash::default());
    read_to(&mut feed, recorded).await;
    assert_eq!(feed.unrecorded(), Some((6, 2, 12)), "a reader goes on all the same, and tells it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_missing_is_missed() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let shard = backbone.shard_of(agent(1));
    fill(&backbone.store(), session(1), 2).await;
    fill(&backbone.store(), other(), 3).await;
    backbone.purge(other()).await.unwrap();
    let error = backbone.verify(shard, &[]).await.unwrap_err();
    assert!(matches!(error, VerifyError::Unrecorded { count: 3, first: 3, last: 5, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pruned_ids_stay_dead_and_no_others() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let erased = erased_among_others(&backbone).await;
    let another_process = world.backbone().await;
    assert_eq!(another_process.pruned_at(erased).await.unwrap(), None);
    record(&backbone, erased, 0).await.unwrap();
    backbone.purge(erased).await.unwrap();
    for process in [&backbone, &another_process, &world.backbone().await] {
        assert_eq!(process.pruned_at(erased).await.unwrap(), Some(Timestamp(60_000)), "to the next full minute");
        assert_eq!(process.pruned_at(other()).await.unwrap(), None);
        assert_eq!(process.newest_pruned(agent(1)).await.unwrap(), 11);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_pruners_one_is_refused_and_what_lives_is_no_candidate() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let erased = erased_among_others(&backbone).await;
    let first = record(&backbone, erased, 0).await.unwrap();
    assert!(matches!(record(&backbone, erased, 0).await, Err(AppendError::Conflict)));
    record(&backbone, erased, first).await.unwrap();
    assert!(backbone.prunable(other()).await.unwrap().is_none());
    assert!(backbone.prunable(session(9)).await.unwrap().is_none());
}

/// A log of format 1: what the release of November 2026 left in its data folder.
async fn format_1() -> (NatsServer, Options) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/format-1");
    let data = DataDir::temporary().unwrap();
    copy_folder(&fixture.join("nats"), &data.join("nats"));
    let secrets = Secrets::parse(&std::fs::read_to_string(fixture.join("secrets.json")).unwrap()).unwrap();
    let nats = NatsServer::start(&data, NatsOptions { sync_always: false, ..NatsOptions::default() }).await.unwrap();
    let options = Options { shard_bytes: 1 << 30, ..Options::new(nats.url(), secrets) };
    (nats, options)
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The running hashes of format 1 that the release printed.
const FORMAT_1: [&str; 2] = [
    "3eb401c5f937f62cbb6956473bfac72e486c7028afa3596a06ac234cb440ea60",
    "f66c07044a8063821395f9307185fe4ca5335bcb73797fa8fc2c1cf3f26cd3b1",
];

fn hash(hexadecimal: &str) -> Hash {
    Hash(data_encoding::HEXLOWER.decode(hexadecimal.as_bytes()).unwrap().try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_format_1_is_taken_over_and_its_checkpoints_go_on() {
    let (_nats, options) = format_1().await;
    let reader = Backbone::connect(Options { opening: Opening::Read, ..options.clone() }).await.unwrap();
    let before = reader.verify(Shard(0), &[]).await.unwrap();
    let backbone = Backbone::connect(options.clone()).await.unwrap();
    for (shard, format_1) in backbone.shards().zip(FORMAT_1) {
        let end = backbone.end(shard).await.unwrap();
        let hashes = backbone.take_over_checkpoint(shard, end, hash(format_1)).await.unwrap().expect("the same log");
        let verified = backbone.verify(shard, &[end - 1, end]).await.unwrap();
        assert_eq!((hashes.running, hashes.previous), (verified.running_at[&end], verified.running_at[&(end - 1)]));
        assert_eq!(backbone.take_over_checkpoint(shard, end, Hash([1; 32])).await.unwrap(), None, "another log");
    }
    assert_eq!(backbone.verify(Shard(0), &[]).await.unwrap(), before, "a log without gaps gets no record");
    drop(Backbone::connect(options).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_of_a_log_of_format_1_become_one_record() {
    let (nats, options) = format_1().await;
    let world = World { nats, secrets: Secrets::generate() };
    let stream = world.jetstream().await.get_stream("EVENTS-1").await.unwrap();
    let last = stream.get_last_raw_message_by_subject("event.1.*.session.*").await.unwrap();
    stream.purge().filter(last.subject.as_str()).await.unwrap();
    let reader = Backbone::connect(Options { opening: Opening::Read, ..options.clone() }).await.unwrap();
    assert!(matches!(reader.verify(Shard(1), &[]).await, Err(VerifyError::Unrecorded { .. })), "reading changes nothing");
    let backbone = Backbone::connect(options.clone()).await.unwrap();
    let verified = backbone.verify(Shard(1), &[]).await.unwrap();
    assert_eq!(verified.pruning_records, 1);
    assert_eq!(verified.commits + verified.pruned, 27);
    assert_eq!(backbone.verify(Shard(0), &[]).await.unwrap().pruning_records, 0);
    let again = Backbone::connect(options).await.unwrap();
    assert_eq!(again.verify(Shard(1), &[]).await.unwrap(), verified, "it is taken over once");
}
