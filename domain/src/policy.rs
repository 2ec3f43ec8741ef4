//! The limits of all decisions: every bound of the contract, with its default.

use crate::Millis;

/// The limits in force. The defaults are the public contract's; an operator may narrow them, a benchmark widens them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Keys that one agent may hold at once.
    pub agent_keys: usize,
    /// Earlier secrets of one key that may be valid at once.
    pub retired_secrets: usize,
    /// How long a key's earlier secret may stay valid after a rotation.
    pub longest_overlap: Millis,
    /// Characters of a name of an agent or key.
    pub name_characters: usize,
    /// Bytes of a webhook's address.
    pub webhook_url_bytes: usize,

    /// How soon after its opening a link may end.
    pub shortest_lifetime: Millis,
    /// How long after its opening or change a link may last.
    pub longest_lifetime: Millis,
    /// Characters of a link's title (at least one).
    pub title_characters: u32,
    /// Characters of a link's purpose, description, welcome or farewell message.
    pub text_characters: u32,
    /// Characters of a person's or agent's displayed name.
    pub display_name_characters: u32,
    /// Sessions that a link may have open at once.
    pub sessions_at_once: u32,
    /// Recipients of a link.
    pub recipients: u8,
    /// Origins that may frame a link.
    pub allowed_origins: usize,
    /// Bytes of one such origin.
    pub origin_bytes: usize,
    /// Sessions that may start on one link within a minute.
    pub starts_per_minute: usize,

    /// Messages that a link may grant one chatter.
    pub messages_per_session: u32,
    /// Messages that a link may grant one chatter within a minute.
    pub messages_per_minute: u32,
    /// The shortest idle time-out.
    pub shortest_idle: Millis,
    /// The longest idle time-out.
    pub longest_idle: Millis,
    /// How long texts may be retained after a session's end.
    pub longest_keep: Millis,
    /// Characters of a chatter's message.
    pub chatter_characters: u32,
    /// Characters of an agent's message.
    pub agent_characters: u32,
    /// Messages and questions that an agent may write in one session.
    pub agent_messages: u32,
    /// Messages that an agent may write in one session within a minute.
    pub agent_messages_per_minute: u32,
    /// Questions that may be open at once in a session.
    pub open_questions: usize,
    /// Fields of one question.
    pub question_fields: u8,
    /// Answers, counting changed ones, that one question takes.
    pub answers_per_question: u32,
    /// How soon after it was asked a question may time out.
    pub shortest_answer_time: Millis,
    /// How long a question may wait for an answer.
    pub longest_answer_time: Millis,
    /// Characters of what an agent says when it takes a question back.
    pub withdrawal_characters: u32,
    /// How soon a planned end may come.
    pub soonest_planned_end: Millis,
    /// How long beforehand an end may be planned.
    pub latest_planned_end: Millis,
    /// How often an end may be planned in one session.
    pub planned_ends: u32,
    /// Characters of the feedback with a rating.
    pub feedback_characters: u32,
    /// The least time between two read marks of one reader.
    pub between_read_marks: Millis,

    /// Devices that may be added to a session beside its first.
    pub devices: u32,
    /// Hand-off codes that one session may offer.
    pub handoffs: u32,
    /// How long a hand-off code is valid.
    pub handoff_lifetime: Millis,
    /// Wrong codes after which the offered one is void.
    pub handoff_tries: u32,
    /// Reports to the operator that one session takes.
    pub reports: u32,
    /// Characters of a report.
    pub report_characters: u32,

    /// Bytes of the log that one session may write a day, both sides together. A default link's whole chat takes 1.6 MB of the chatter's
    /// (100 messages of 4,000 characters of 4 bytes), and answers to match.
    pub session_bytes_a_day: u64,
    /// Bytes of the log that all sessions of a link may write a day: 8 whole ones, or some 1,000 ordinary chats of 30 kB.
    pub link_bytes_a_day: u64,
    /// Bytes of the log that all links of an agent may write a day: with the usual shard of 2 GiB, a week until one agent alone fills it.
    pub agent_bytes_a_day: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            agent_keys: 32,
            retired_secrets: 3,
            longest_overlap: Millis::minutes(43_200),
            name_characters: 100,
            webhook_url_bytes: 2_000,
            shortest_lifetime: Millis::minutes(5),
            longest_lifetime: Millis::minutes(43_200),
            title_characters: 200,
            text_characters: 2_000,
            display_name_characters: 80,
            sessions_at_once: 50,
            recipients: 50,
            allowed_origins: 20,
            origin_bytes: 255,
            starts_per_minute: 60,
            messages_per_session: 1_000,
            messages_per_minute: 100,
            shortest_idle: Millis::minutes(5),
            longest_idle: Millis::minutes(1_440),
            longest_keep: Millis::minutes(43_200),
            chatter_characters: 4_000,
            agent_characters: 8_000,
            agent_messages: 5_000,
            agent_messages_per_minute: 120,
            open_questions: 8,
            question_fields: 8,
            answers_per_question: 20,
            shortest_answer_time: Millis::MINUTE,
            longest_answer_time: Millis::minutes(43_200),
            withdrawal_characters: 500,
            soonest_planned_end: Millis::seconds(1),
            latest_planned_end: Millis::minutes(60),
            planned_ends: 20,
            feedback_characters: 1_000,
            between_read_marks: Millis::seconds(1),
            devices: 8,
            handoffs: 32,
            handoff_lifetime: Millis::minutes(5),
            handoff_tries: 5,
            reports: 5,
            report_characters: 1_000,
            session_bytes_a_day: 4 << 20,
            link_bytes_a_day: 32 << 20,
            agent_bytes_a_day: 256 << 20,
        }
    }
}
