//! Opening a link: every setting within its range.

use super::*;
use crate::spec::just_before;

fn opens(change: impl Fn(&mut Settings)) {
    given([]).when(open_with(&change)).then([opened_with(&change)]);
}

fn refuses(change: impl FnOnce(&mut Settings), rejection: Rejection) {
    given([]).when(open_with(change)).rejects(rejection);
}

#[test]
fn a_link_opens_with_its_settings() {
    opens(|_| {});
}

#[test]
fn a_link_opens_once() {
    given([opened()]).when(open_with(|_| {})).rejects(Rejection::AlreadyOpen);
}

#[test]
fn a_link_does_not_open_again_after_its_end() {
    for end in [expired(), revoked(), erased()] {
        given([opened(), end]).when(open_with(|_| {})).rejects(Rejection::AlreadyOpen);
    }
}

#[test]
fn nothing_can_be_done_with_an_unknown_link() {
    for command in all_but_open() {
        given([]).when(command).rejects(Rejection::Unknown);
    }
}

#[test]
fn a_link_lasts_5_minutes_to_30_days() {
    opens(|settings| settings.expires_at = minutes(5));
    opens(|settings| settings.expires_at = minutes(43_200));
    refuses(|settings| settings.expires_at = minutes(4), out_of_range("expires_in_minutes", 4, 5, 43_200));
    refuses(|settings| settings.expires_at = minutes(43_200) + Millis(1), out_of_range("expires_in_minutes", 43_201, 5, 43_200));
}

#[test]
fn the_shortest_lifetime_may_shrink_by_10_seconds_on_its_way() {
    opens(|settings| settings.expires_at = seconds(290));
    refuses(|settings| settings.expires_at = just_before(seconds(290)), out_of_range("expires_in_minutes", 4, 5, 43_200));
}

#[test]
fn a_link_cannot_open_ended_however_short_it_may_be() {
    let soon = || given([]).under(|policy| policy.shortest_lifetime = Millis(1));
    soon()
        .when(open_with(|settings| settings.expires_at = Timestamp(1)))
        .then([opened_with(|settings| settings.expires_at = Timestamp(1))]);
    soon().when(open_with(|settings| settings.expires_at = minutes(0))).rejects(out_of_range("expires_in_minutes", 0, 0, 43_200));
}

#[test]
fn a_title_has_1_to_200_characters() {
    opens(|settings| settings.title = text(1));
    opens(|settings| settings.title = text(200));
    refuses(|settings| settings.title = text(0), out_of_range("title", 0, 1, 200));
    refuses(|settings| settings.title = text(201), out_of_range("title", 201, 1, 200));
}

#[test]
fn a_purpose_has_at_most_2000_characters() {
    opens(|settings| settings.purpose = Some(text(2_000)));
    refuses(|settings| settings.purpose = Some(text(2_001)), out_of_range("purpose", 2_001, 0, 2_000));
}

#[test]
fn a_description_has_at_most_2000_characters() {
    opens(|settings| settings.description = Some(text(2_000)));
    refuses(|settings| settings.description = Some(text(2_001)), out_of_range("description", 2_001, 0, 2_000));
}

#[test]
fn a_welcome_message_has_at_most_2000_characters() {
    opens(|settings| settings.welcome_message = Some(text(2_000)));
    refuses(|settings| settings.welcome_message = Some(text(2_001)), out_of_range("welcome_message", 2_001, 0, 2_000));
}

#[test]
fn an_agent_name_has_at_most_80_characters() {
    opens(|settings| settings.agent_name = Some(text(80)));
    refuses(|settings| settings.agent_name = Some(text(81)), out_of_range("agent_name", 81, 0, 80));
}

#[test]
fn a_link_has_1_to_50_places() {
    opens(|settings| settings.max_sessions_at_once = 1);
    opens(|settings| settings.max_sessions_at_once = 50);
    refuses(|settings| settings.max_sessions_at_once = 0, out_of_range("max_sessions_at_once", 0, 1, 50));
    refuses(|settings| settings.max_sessions_at_once = 51, out_of_range("max_sessions_at_once", 51, 1, 50));
}

#[test]
fn a_link_is_good_for_any_number_of_sessions_but_none() {
    opens(|settings| settings.max_sessions_total = None);
    opens(|settings| settings.max_sessions_total = Some(1));
    opens(|settings| settings.max_sessions_total = Some(u32::MAX));
    refuses(|settings| settings.max_sessions_total = Some(0), out_of_range("max_sessions_total", 0, 1, i64::from(u32::MAX)));
}

#[test]
fn a_chatter_has_1_to_1000_messages() {
    opens(|settings| settings.max_messages_per_session = 1);
    opens(|settings| settings.max_messages_per_session = 1_000);
    refuses(|settings| settings.max_messages_per_session = 0, out_of_range("max_messages_per_session", 0, 1, 1_000));
    refuses(|settings| settings.max_messages_per_session = 1_001, out_of_range("max_messages_per_session", 1_001, 1, 1_000));
}

#[test]
fn a_chatter_has_1_to_100_messages_a_minute() {
    opens(|settings| settings.messages_per_minute = 1);
    opens(|settings| settings.messages_per_minute = 100);
    refuses(|settings| settings.messages_per_minute = 0, out_of_range("messages_per_minute", 0, 1, 100));
    refuses(|settings| settings.messages_per_minute = 101, out_of_range("messages_per_minute", 101, 1, 100));
}

#[test]
fn an_idle_timeout_is_5_minutes_to_a_day() {
    opens(|settings| settings.idle_timeout = Millis::minutes(5));
    opens(|settings| settings.idle_timeout = Millis::minutes(1_440));
    let (short, long) = (Millis(Millis::minutes(5).0 - 1), Millis(Millis::minutes(1_440).0 + 1));
    refuses(|settings| settings.idle_timeout = short, out_of_range("idle_timeout_minutes", 4, 5, 1_440));
    refuses(|settings| settings.idle_timeout = long, out_of_range("idle_timeout_minutes", 1_441, 5, 1_440));
}

#[test]
fn words_are_kept_up_to_30_days_after_the_end() {
    opens(|settings| settings.keep_after_end = Millis(0));
    opens(|settings| settings.keep_after_end = Millis::minutes(43_200));
    let long = Millis(Millis::minutes(43_200).0 + 1);
    refuses(|settings| settings.keep_after_end = Millis(-1), out_of_range("keep_minutes_after_end", -1, 0, 43_200));
    refuses(|settings| settings.keep_after_end = long, out_of_range("keep_minutes_after_end", 43_201, 0, 43_200));
}

#[test]
fn at_most_20_origins_may_frame_a_link() {
    opens(|settings| settings.allowed_origins = vec!["https://a.example".to_owned(); 20]);
    refuses(
        |settings| settings.allowed_origins = vec!["https://a.example".to_owned(); 21],
        out_of_range("allowed_origins", 21, 0, 20),
    );
}

#[test]
fn an_origin_has_at_most_255_bytes() {
    opens(|settings| settings.allowed_origins = vec!["o".repeat(255)]);
    refuses(
        |settings| settings.allowed_origins = vec!["o".to_owned(), "o".repeat(256)],
        out_of_range("allowed_origins", 256, 0, 255),
    );
}

#[test]
fn a_language_tag_has_at_most_35_bytes() {
    opens(|settings| settings.language = Some("l".repeat(35)));
    refuses(|settings| settings.language = Some("l".repeat(36)), out_of_range("language", 36, 0, 35));
}
