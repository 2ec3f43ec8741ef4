//! Every code by which this service says no: one table for HTTP and MCP.

use http::StatusCode;

macro_rules! codes {
    ($($name:ident = $code:literal, $status:ident, $title:literal, client $client:literal, agent $agent:literal;)+) => {
        /// Why something was refused or failed; the code is stable, its words are not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each code's title and next step say what it means")]
        pub enum Code {
            $($name,)+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the stable, public name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Returns the HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// Returns what happened, in general.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// Tells an HTTP client what to do next.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$name => $client,)+ }
            }

            /// Tells an agent which call to make next.
            pub const fn next_call(self) -> &'static str {
                match self { $(Self::$name => $agent,)+ }
            }
        }
    };
}

codes! {
    // Links
    LinkUnknown = "link_unknown", NOT_FOUND, "There is no such link.",
        client "Check the address, or ask for a new link.", agent "Call temp_chat_list_links for the links there are.";
    LinkExpired = "link_expired", GONE, "The link has expired.",
        client "Ask for a new link.", agent "Call temp_chat_create_link for a new one.";
    LinkRevoked = "link_revoked", GONE, "The link was taken back.",
        client "Ask for a new link.", agent "Call temp_chat_create_link for a new one.";
    LinkErased = "link_erased", GONE, "The link was erased.",
        client "Ask for a new link.", agent "Call temp_chat_create_link for a new one.";
    LinkFull = "link_full", CONFLICT, "Every place of the link is taken.",
        client "Try again later.", agent "Call temp_chat_update_link with a higher max_sessions_at_once, or wait until a session ends.";
    LinkUsedUp = "link_used_up", CONFLICT, "The link has had all its sessions.",
        client "Ask for a new link.", agent "Call temp_chat_update_link with a higher max_sessions_total, or temp_chat_create_link.";
    LinkPaused = "link_paused", CONFLICT, "The link takes nobody new for now.",
        client "Try again later.", agent "Call temp_chat_update_link with status active.";
    LinkInUse = "link_in_use", CONFLICT, "The link is still in use.",
        client "Try again later.", agent "Call temp_chat_revoke_link first.";
    LinkExists = "link_exists", CONFLICT, "The link was opened before.",
        client "Use another id.", agent "Call temp_chat_create_link with another idempotency_key.";
    PasscodeRequired = "passcode_required", UNAUTHORIZED, "The link asks for a passcode.",
        client "Send the passcode.", agent "Send the passcode.";
    PasscodeWrong = "passcode_wrong", UNAUTHORIZED, "The passcode is wrong.",
        client "Check the passcode and send it again.", agent "Check the passcode and send it again.";
    TooManyAttempts = "too_many_attempts", TOO_MANY_REQUESTS, "Too many attempts.",
        client "Wait as long as Retry-After says.", agent "Wait before the next call.";
    ProofRequired = "proof_required", FORBIDDEN, "This costs proof of work now.",
        client "Solve the challenge and send the same request again with it as proof.", agent "Only people come in, and their browsers pay.";
    Blocked = "blocked", FORBIDDEN, "This device may not come in here.",
        client "Nothing can be done here.", agent "This device was shut out by temp_chat_end_session with block.";
    ClientIdUsed = "client_id_used", CONFLICT, "This client_id belongs to a session whose credential was not shown.",
        client "Send the credential, or join with a new client_id.", agent "Join with a new client_id.";

    // Sessions
    SessionUnknown = "session_unknown", UNAUTHORIZED, "There is no such session for this client.",
        client "Open the link again.", agent "Call temp_chat_list_sessions for the sessions there are.";
    SessionEnded = "session_ended", CONFLICT, "The session has ended.",
        client "Nothing can be said any more; the transcript is there until it is erased.",
        agent "Call temp_chat_read_messages for what was said; nothing can be added.";
    SessionErased = "session_erased", GONE, "The session was erased.",
        client "Nothing of it is left.", agent "Nothing of it is left; call temp_chat_list_sessions for the others.";
    SessionExists = "session_exists", CONFLICT, "The session was started before.",
        client "Join again.", agent "Call temp_chat_list_sessions.";
    SessionOpen = "session_open", CONFLICT, "The session is still open.",
        client "End it first.", agent "Call temp_chat_end_session first.";
    SessionIdle = "session_idle", CONFLICT, "The session is idle and holds no place.",
        client "Send a message: it resumes the session.", agent "Call temp_chat_wait_for_messages: the person's next message resumes it.";
    PlaceExpired = "place_expired", CONFLICT, "The reserved place ran out.",
        client "Join again.", agent "Call temp_chat_list_sessions.";
    HandoffUnknown = "handoff_unknown", NOT_FOUND, "This code opens nothing.",
        client "Check the code, or ask for a new one on the device where the chat is open.", agent "Only the person's own devices use such codes.";
    HandoffLimitReached = "handoff_limit_reached", CONFLICT, "The session is on as many devices as it may be.",
        client "Go on with one of the devices it is on.", agent "Only the person's own devices use such codes.";
    Held = "held", CONFLICT, "The person has said something that you have not read, so nothing was done.",
        client "Read it, then decide anew.", agent "Call temp_chat_wait_for_messages, then decide anew; even_if_unread true goes ahead all the same.";
    TextEmpty = "text_empty", UNPROCESSABLE_ENTITY, "The text is empty.",
        client "Send at least one character.", agent "Send at least one character.";
    TextTooLong = "text_too_long", UNPROCESSABLE_ENTITY, "The text is too long.",
        client "Shorten it or send it in parts.", agent "Shorten it or send it in parts.";
    MessageLimitReached = "message_limit_reached", CONFLICT, "Every message of this session has been written.",
        client "Nothing more can be sent here.", agent "End the session with temp_chat_end_session.";
    LinkBudgetReached = "link_budget_reached", CONFLICT, "A budget of the link is used up.",
        client "Nothing more can be sent here for now.", agent "Call temp_chat_update_link with a larger budget, or temp_chat_end_session.";
    AgentBudgetReached = "agent_budget_reached", CONFLICT, "The agent's links have written as much as they may today.",
        client "Try again tomorrow.", agent "Tell the operator; until tomorrow (UTC) only end or erase sessions.";
    ReportLimitReached = "report_limit_reached", CONFLICT, "The chat was reported as often as it may be.",
        client "The operator has your reports.", agent "Only people report chats.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too much at once.",
        client "Wait as long as Retry-After says.", agent "Wait before the next call.";
    IdReused = "id_reused", CONFLICT, "This id was used before with other content.",
        client "Use a new id for new content.", agent "Use a new idempotency_key for new content.";
    QuestionUnknown = "question_unknown", NOT_FOUND, "There is no such question.",
        client "Read the session's events for the questions there are.", agent "Call temp_chat_read_messages for the questions there are.";
    QuestionClosed = "question_closed", CONFLICT, "The question takes no answer any more.",
        client "Send a message instead.", agent "Call temp_chat_read_messages for how it was closed; ask anew with temp_chat_ask.";
    QuestionExists = "question_exists", CONFLICT, "The question was asked before.",
        client "Use a new id.", agent "Use a new idempotency_key.";
    QuestionInvalid = "question_invalid", UNPROCESSABLE_ENTITY, "The question cannot be asked like this.",
        client "Correct the fields.", agent "Call again with the fields corrected.";
    ReceiptUnknown = "receipt_unknown", NOT_FOUND, "There is no such receipt.",
        client "Check the id; one of a verdict that came just now is there within seconds.", agent "Call temp_chat_read_messages for the decisions there are.";
    AnswerInvalid = "answer_invalid", UNPROCESSABLE_ENTITY, "The answer does not fit the question.",
        client "Correct the values that errors names.", agent "Correct the values.";
    QuestionLimitReached = "question_limit_reached", CONFLICT, "Too many questions are open.",
        client "Wait for answers first.", agent "Call temp_chat_wait_for_messages for answers first, or ask in words with temp_chat_send_message.";
    FieldCount = "field_count", UNPROCESSABLE_ENTITY, "The question has no fields or too many.",
        client "Change the fields.", agent "Call temp_chat_ask with fewer fields.";
    RatingInvalid = "rating_invalid", UNPROCESSABLE_ENTITY, "A rating is 1 to 5.",
        client "Send a rating from 1 to 5.", agent "Send a rating from 1 to 5.";
    AlreadyRated = "already_rated", CONFLICT, "The session was rated before.",
        client "A rating is given once.", agent "A rating is given once.";
    NotDue = "not_due", CONFLICT, "It is too early for this.",
        client "Try again later.", agent "Try again later.";
    CursorReset = "cursor_reset", GONE, "The cursor belongs to another log, or to a place this one has not reached.",
        client "Read from the beginning, without a cursor.", agent "Call again without after.";
    TaskUnknown = "task_unknown", NOT_FOUND, "There is no such task, or it is too old to be asked for.",
        client "Check the id.", agent "Call temp_chat_wait_for_messages with your last next_cursor as after.";
    CursorInvalid = "cursor_invalid", UNPROCESSABLE_ENTITY, "This is not a cursor.",
        client "Send a cursor exactly as it was given, or none.", agent "Pass next_cursor exactly as it was given, or leave after out.";
    CursorScope = "cursor_scope", UNPROCESSABLE_ENTITY, "The cursor comes from a narrower scope.",
        client "Send a cursor of this scope, or none.", agent "Pass a next_cursor of the same or a wider scope, or leave after out.";

    // Agents and keys
    KeyInvalid = "key_invalid", UNAUTHORIZED, "The API key is missing or not valid.",
        client "Send a valid key: Authorization: Bearer KEY.", agent "Ask the operator for a valid key.";
    KeyExpired = "key_expired", UNAUTHORIZED, "The API key has expired.",
        client "Send a valid key: Authorization: Bearer KEY.", agent "Ask the operator for a valid key.";
    ScopeMissing = "scope_missing", FORBIDDEN, "The key may not do this.",
        client "Use a key that has the scope.", agent "Ask the operator for a key that has the scope.";
    KeyLimited = "key_limited", FORBIDDEN, "The key is for one link only.",
        client "Use a key of the whole agent.", agent "Use that link, or ask the operator for a key of the whole agent.";
    AgentUnknown = "agent_unknown", NOT_FOUND, "There is no such agent.",
        client "List the agents.", agent "Ask the operator.";
    AgentExists = "agent_exists", CONFLICT, "The agent is registered already.",
        client "Use the agent there is.", agent "Ask the operator.";
    NameLength = "name_length", UNPROCESSABLE_ENTITY, "The name is empty or too long.",
        client "Choose another name.", agent "Choose another name.";
    KeyUnknown = "key_unknown", NOT_FOUND, "There is no such key.",
        client "List the agent's keys.", agent "Ask the operator.";
    KeyExists = "key_exists", CONFLICT, "The key was issued already.",
        client "Issue another.", agent "Ask the operator.";
    KeyLimitReached = "key_limit_reached", CONFLICT, "The agent has as many keys as it may.",
        client "Revoke a key first.", agent "Ask the operator to revoke a key.";
    WebhookTooLong = "webhook_too_long", UNPROCESSABLE_ENTITY, "The webhook's address is too long.",
        client "Choose a shorter address.", agent "Ask the operator.";

    // Requests
    SettingOutOfRange = "setting_out_of_range", UNPROCESSABLE_ENTITY, "A setting is outside its range.",
        client "Change the setting.", agent "Call again with a value in that range.";
    InvalidRequest = "invalid_request", UNPROCESSABLE_ENTITY, "The request is not of the expected form.",
        client "Correct it as /openapi.json describes.", agent "Correct the arguments as the tool's schema describes.";
    MediaTypeUnsupported = "media_type_unsupported", UNSUPPORTED_MEDIA_TYPE, "Only JSON is accepted.",
        client "Send Content-Type: application/json.", agent "Send Content-Type: application/json.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large.",
        client "Send less at once.", agent "Send less at once.";
    NotFound = "not_found", NOT_FOUND, "There is nothing here.",
        client "See /openapi.json for what there is.", agent "Use the tools that tools/list names.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This address does not take that method.",
        client "See the Allow header.", agent "Use the tools that tools/list names.";
    HostUnknown = "host_unknown", MISDIRECTED_REQUEST, "This service is not known by the name in Host.",
        client "Call it by its public name or by its IP address; an operator may add names: allowed_hosts.",
        agent "Ask the operator to add the name to the setting allowed_hosts.";
    HeadInvalid = "head_invalid", BAD_REQUEST, "The request's head contradicts itself.",
        client "Send one Host, the same as in the address.", agent "Send one Host, the same as in the address.";
    CrossSite = "cross_site", FORBIDDEN, "Another site sent this request.",
        client "Send it from this service's own pages, or without an Origin.", agent "Send it without an Origin.";

    // Conditions of the service
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS, "Too many streams are open.",
        client "Close one first, or use the long poll.", agent "Let another wait end first.";
    LogFull = "log_full", SERVICE_UNAVAILABLE, "The event log is full: only endings and erasures are accepted.",
        client "Try again later.", agent "Tell the operator; until then only end or erase sessions.";
    Busy = "busy", SERVICE_UNAVAILABLE, "Too many writers at once.",
        client "Send the same request again.", agent "Make the same call again, with the same idempotency_key.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "A part of the service cannot be reached.",
        client "Send the same request again in a moment.", agent "Make the same call again in a moment, with the same idempotency_key.";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too many requests are under way.",
        client "Send the same request again in a moment.", agent "Make the same call again in a moment.";
    TimedOut = "timed_out", SERVICE_UNAVAILABLE, "The request took too long.",
        client "Send the same request again.", agent "Make the same call again, with the same idempotency_key.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here.",
        client "Send the same request again; tell the operator the x-request-id if it stays.",
        agent "Make the same call again; tell the operator if it stays.";
}

impl Code {
    /// Tells whether this is refused for security, and so is told to the audit: what was made up, guessed, taken back, or is somebody
    /// else's.
    pub const fn is_audited(self) -> bool {
        matches!(
            self,
            Self::LinkUnknown
                | Self::PasscodeWrong
                | Self::TooManyAttempts
                | Self::SessionUnknown
                | Self::HandoffUnknown
                | Self::Blocked
                | Self::KeyInvalid
                | Self::KeyExpired
                | Self::ScopeMissing
                | Self::KeyLimited
                | Self::CrossSite
        )
    }

    /// Tells whether an answer with this code says when to come back.
    pub fn wants_retry_after(self) -> bool {
        matches!(self.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_code_is_snake_case_and_stands_once() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            let name = code.as_str();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(seen.insert(name), "{name} stands twice");
        }
    }

    #[test]
    fn every_code_is_an_error_with_a_sentence_and_a_next_step() {
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{}", code.as_str());
            for words in [code.title(), code.next_step(), code.next_call()] {
                assert!(words.ends_with('.'), "{}: {words}", code.as_str());
            }
        }
    }
}
