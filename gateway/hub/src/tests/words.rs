use bytes::Bytes;
use domain::session::Event;

use super::world::{Pen, World, at, ended, entry, session, shown};
use crate::{Hub, Subscription, Topic};

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn listen(hub: &Hub, after: Option<u64>) -> Subscription {
    hub.subscribe(Topic::Session(session(1, 0)), after.map(|sequence| at(sequence, 9))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_opened_once_and_the_frames_are_shared() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(backbone.clone());
    let (mut one, mut two) = (listen(&hub, None).await, listen(&hub, None).await);
    pen.say(session(1, 0), &["good morning", "good night"]).await;
    let (entry_of_one, _) = entry(&mut one).await;
    let (entry_of_two, _) = entry(&mut two).await;
    assert!(!entry_of_one.is_open(), "nobody has asked yet");
    let (all, again) = (shown(&entry_of_one, &backbone).await, shown(&entry_of_two, &backbone).await);
    assert_eq!(all.as_ptr(), again.as_ptr());
    let frames: Vec<_> = text(&all).split_terminator("\n\n").map(str::to_owned).collect();
    assert!(frames[0].contains("good morning") && frames[1].contains("good night"), "{frames:?}");
    for (index, frame) in (0..).zip(&frames) {
        let mut lines = frame.lines();
        let cursor = lines.next().unwrap().strip_prefix("id: ").unwrap();
        assert_eq!(backbone.cursors().open(cursor), Ok(at(1, index)));
        assert_eq!(lines.next(), Some("event: message"));
        let data: serde_json::Value = serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["cursor"], cursor);
        assert_eq!(lines.next(), None);
    }
    let rest = entry_of_one.sse(&backbone, Some(at(1, 0))).await.unwrap();
    assert_eq!(text(&rest), format!("{}\n\n", frames[1]));
    assert!(rest.as_ptr() > all.as_ptr() && rest.as_ptr() < all.as_ptr().wrapping_add(all.len()), "a part of the same bytes");
    assert!(entry_of_one.sse(&backbone, Some(at(1, 1))).await.unwrap().is_empty());
    assert!(!format!("{entry_of_one:?}").contains("good"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_drops_what_was_opened_and_it_can_be_opened_again() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(backbone.clone());
    let mut subscription = listen(&hub, None).await;
    pen.say(session(1, 0), &["good morning"]).await;
    let (said, _) = entry(&mut subscription).await;
    shown(&said, &backbone).await;
    assert!(said.is_open());
    pen.write(session(1, 0), vec![ended()]).await;
    entry(&mut subscription).await;
    assert!(!said.is_open());
    assert!(text(&shown(&said, &backbone).await).contains("good morning"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_erasure_no_words_are_left_anywhere_and_still_nothing_is_skipped() {
    let world = World::start().await;
    let backbone = world.backbone().await;
    let mut pen = Pen::new(world.backbone().await);
    let hub = Hub::new(backbone.clone());
    let mut quick = listen(&hub, None).await;
    let slow = listen(&hub, None).await;
    for words in [["these words"], ["those words"]] {
        pen.say(session(1, 0), &words).await;
        let (said, _) = entry(&mut quick).await;
        assert!(text(&shown(&said, &backbone).await).contains(words[0]));
    }
    pen.write(session(1, 0), vec![ended()]).await;
    let (end, _) = entry(&mut quick).await;
    assert!(text(&shown(&end, &backbone).await).contains("session_ended"));
    pen.backbone.keys().destroy(session(1, 0)).await.unwrap();
    pen.write(session(1, 0), vec![Event::Erased]).await;
    let (erased, _) = entry(&mut quick).await;
    assert!(erased.erases());
    // From the queue, from the ring, and from the log: the same, and no words.
    let elsewhere = Hub::new(world.backbone().await);
    for (mut subscription, how) in
        [(slow, "queue"), (listen(&hub, Some(1)).await, "ring"), (listen(&elsewhere, Some(0)).await, "log")]
    {
        let mut kinds = Vec::new();
        loop {
            let (entry, after) = entry(&mut subscription).await;
            let frames = text(&entry.sse(&backbone, Some(after)).await.unwrap());
            assert!(!frames.contains("words"), "{how}: {frames}");
            kinds.extend(frames.lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned));
            if entry.erases() {
                break;
            }
        }
        let expected = ["message", "message", "session_ended", "erased"];
        assert_eq!(kinds, expected[usize::from(how == "ring")..], "{how}");
    }
}
