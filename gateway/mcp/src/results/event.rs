//! An event as a tool's result holds it: without what the call named itself.

use events::Event;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde_json::Value;

/// An event as [`result_event`] writes it; its type tells what is in its data.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "a shape is never filled")]
pub(crate) struct ResultEvent {
    id: String,
    r#type: String,
    session_id: Option<String>,
    data: JsonObject,
}

/// Which ids were arguments of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) link: bool,
    pub(crate) session: bool,
}

/// Writes an event without what the call named itself.
pub(crate) fn result_event(event: &Event, named: Named, redelivered: bool) -> Value {
    let mut value = serde_json::to_value(event).expect("an event is plain values");
    if let Some(object) = value.as_object_mut() {
        if named.link {
            object.remove("link_id");
        }
        if named.session {
            object.remove("session_id");
        }
        if redelivered {
            object.insert("redelivered".to_owned(), true.into());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use domain::{CommandId, LinkId, SessionId, Timestamp};
    use events::{Data, Moment};
    use nats::EventId;

    use super::*;

    fn event() -> Event {
        Event {
            id: EventId::of(&CommandId::new([1; 16]), 0),
            at: Moment(Timestamp(0)),
            cursor: None,
            link_id: LinkId::new([2; 16]),
            session_id: Some(SessionId::new([3; 16])),
            by: None,
            data: Data::SessionIdle {},
        }
    }

    #[test]
    fn what_was_an_argument_is_left_out() {
        let names = |link, session| {
            let value = result_event(&event(), Named { link, session }, false);
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(false, false), "at data id link_id session_id type");
        assert_eq!(names(true, false), "at data id session_id type");
        assert_eq!(names(false, true), "at data id link_id type");
    }

    #[test]
    fn what_is_given_again_says_so() {
        assert_eq!(result_event(&event(), Named::default(), true)["redelivered"], true);
        assert!(result_event(&event(), Named::default(), false).get("redelivered").is_none());
    }
}
