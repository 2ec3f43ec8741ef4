//! Any session.

use domain::abuse::{Level, Reason, Signs};
use domain::session::{
    Author, Choice, Closing, Command, DecisionTerms, EndReason, Event, EventPosition, MessageKind, Origin, Reader, Session,
    Settings, Start, Terms, Verdict, Wish, Words,
};
use domain::{DeviceId, HandoffId, LinkId, Millis, SaltedHash, Timestamp};
use proptest::prelude::*;

use super::{Subject, count, hash, key, limits, maybe, millis, question, reached, sealed, short_text, tally, timestamp};

/// Settings so low that histories meet the limits.
fn acceptable() -> impl Strategy<Value = Settings> {
    (30_i64..3_000, 1_u32..12, 1_u32..5, 5_i64..20, 0_i64..100, limits()).prop_map(
        |(lifetime, max_messages, messages_per_minute, idle, keep, budget)| Settings {
            expires_at: Timestamp(0) + Millis::minutes(lifetime),
            max_messages,
            messages_per_minute,
            idle_timeout: Millis::minutes(idle),
            keep_after_end: Millis::minutes(keep),
            budget,
        },
    )
}

/// Any settings at all.
fn settings() -> impl Strategy<Value = Settings> {
    (timestamp(), count(), count(), millis(), millis(), limits()).prop_map(
        |(expires_at, max_messages, messages_per_minute, idle_timeout, keep_after_end, budget)| Settings {
            expires_at,
            max_messages,
            messages_per_minute,
            idle_timeout,
            keep_after_end,
            budget,
        },
    )
}

fn start() -> impl Strategy<Value = Command> {
    (any::<[u8; 16]>(), settings(), timestamp(), maybe(sealed()), maybe("\\PC{0,40}"), maybe(sealed())).prop_map(
        |(link, settings, start_before, display_name, language, welcome)| {
            Command::Start(Box::new(Start {
                link: LinkId::new(link),
                settings,
                start_before,
                display_name,
                language,
                welcome,
                question: None,
                recipient: None,
                origin: None,
            }))
        },
    )
}

fn author() -> impl Strategy<Value = Author> {
    prop_oneof![4 => Just(Author::Chatter), 3 => key().prop_map(Author::Agent), 1 => Just(Author::System)]
}

fn reader() -> impl Strategy<Value = Reader> {
    prop_oneof![Just(Reader::Chatter), key().prop_map(Reader::Agent)]
}

fn kind() -> impl Strategy<Value = MessageKind> {
    prop_oneof![Just(MessageKind::Welcome), Just(MessageKind::Farewell)]
}

fn reason() -> impl Strategy<Value = EndReason> {
    prop_oneof![
        Just(EndReason::ChatterLeft),
        Just(EndReason::AgentEnded),
        Just(EndReason::LinkExpired),
        Just(EndReason::LinkRevoked),
        Just(EndReason::MessageLimit),
        Just(EndReason::Blocked),
        Just(EndReason::Erased),
    ]
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::Noticed), Just(Level::Slowed), Just(Level::Priced), Just(Level::Closed)]
}

fn upto() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0_u64..50, 1 => any::<u64>()]
}

fn post() -> impl Strategy<Value = Command> {
    (author(), sealed(), maybe(kind()), maybe(sealed()), maybe(signs()), any::<bool>()).prop_map(
        |(from, text, kind, client_message_id, signs, is_paid)| Command::Post {
            from,
            text,
            kind,
            client_message_id,
            signs,
            is_paid,
        },
    )
}

/// Few texts, so that they come again.
fn signs() -> impl Strategy<Value = Signs> {
    (maybe(0_u32..2), any::<u8>()).prop_map(|(likeness, addresses)| Signs { likeness, addresses })
}

fn ask() -> impl Strategy<Value = Command> {
    let fields = prop_oneof![9 => 1_u8..4, 1 => any::<u8>()];
    (question(), author(), sealed(), fields, any::<u8>(), wish())
        .prop_map(|(question, from, form, fields, required, wish)| Command::Ask { question, from, form, fields, required, wish })
}

fn wish() -> impl Strategy<Value = Wish> {
    let within = prop_oneof![8 => (1_i64..60).prop_map(Millis::minutes), 1 => any::<i64>().prop_map(Millis)];
    (any::<bool>(), maybe(within), maybe(sealed()), maybe(question()), maybe(decision())).prop_map(
        |(is_final, answer_within, if_silent, replaces, decision)| Wish {
            is_final,
            answer_within,
            if_silent,
            replaces,
            decision,
        },
    )
}

fn terms() -> impl Strategy<Value = Terms> {
    (any::<bool>(), maybe(timestamp()), maybe(sealed()), maybe(decision()))
        .prop_map(|(is_final, answer_by, if_silent, decision)| Terms { is_final, answer_by, if_silent, decision })
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![Just(Choice::Approve), Just(Choice::Reject), Just(Choice::Edit), Just(Choice::Respond)]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => choice().prop_map(Verdict::from), 1 => Just(Verdict::TimedOut)]
}

fn salted() -> impl Strategy<Value = SaltedHash> {
    any::<[u8; 32]>().prop_map(SaltedHash)
}

fn words() -> impl Strategy<Value = Words> {
    (salted(), count()).prop_map(|(hash, characters)| Words { hash, characters })
}

/// What makes a question a decision; mostly one that leaves a choice.
fn decision() -> impl Strategy<Value = DecisionTerms> {
    (proptest::collection::btree_set(choice(), 0..4), salted(), sealed())
        .prop_map(|(allow, payload, if_timed_out)| DecisionTerms { allow, payload, if_timed_out })
}

fn decide() -> impl Strategy<Value = Command> {
    (question(), choice(), maybe(words()), sealed()).prop_map(|(question, choice, words, document)| Command::Decide {
        question,
        choice,
        words,
        document,
    })
}

fn closing() -> impl Strategy<Value = Closing> {
    prop_oneof![
        Just(Closing::Answered),
        Just(Closing::Replaced),
        Just(Closing::Withdrawn),
        Just(Closing::TimedOut),
        Just(Closing::SessionEnded),
    ]
}

/// What concerns the life of questions and the soft end, beside asking and answering.
fn timed() -> impl Strategy<Value = Command> {
    let within = prop_oneof![8 => (1_i64..60).prop_map(Millis::minutes), 1 => any::<i64>().prop_map(Millis)];
    prop_oneof![
        2 => (question(), maybe(sealed())).prop_map(|(question, reason)| Command::Withdraw { question, reason }),
        4 => Just(Command::TimeOutQuestions),
        1 => (within, maybe(sealed())).prop_map(|(within, farewell)| Command::PlanEnd { within, farewell }),
        1 => Just(Command::EndAsPlanned),
    ]
}

fn answer() -> impl Strategy<Value = Command> {
    (question(), sealed(), any::<u8>(), prop_oneof![4 => Just(0), 1 => any::<u8>()])
        .prop_map(|(question, values, answered, withdrawn)| Command::Answer { question, values, answered, withdrawn })
}

/// What spends within a grant, also none at all.
fn spend() -> impl Strategy<Value = Command> {
    (tally(), prop_oneof![post().boxed(), ask().boxed(), answer().boxed(), decide().boxed()])
        .prop_map(|(granted, command)| Command::Spend { granted, command: Box::new(command) })
}

/// What is said by a key that has read so much, mostly too little or just enough.
fn if_read() -> impl Strategy<Value = Command> {
    let read = (upto(), 0_u16..3).prop_map(|(sequence, index)| EventPosition { sequence, index });
    let end = (reason(), maybe(sealed())).prop_map(|(reason, farewell)| Command::End { reason, farewell });
    (read, prop_oneof![4 => post().boxed(), 2 => ask().boxed(), 2 => spend().boxed(), 1 => end.boxed()])
        .prop_map(|(read, command)| Command::IfRead { read, command: Box::new(command) })
}

fn origin() -> impl Strategy<Value = Origin> {
    (hash(), maybe(hash())).prop_map(|(client, network)| Origin { client, network })
}

/// Few of them, so that histories meet the right code and known devices.
fn code() -> impl Strategy<Value = HandoffId> {
    (0_u8..3).prop_map(|n| HandoffId::new([n; 16]))
}

fn device() -> impl Strategy<Value = DeviceId> {
    (0_u8..6).prop_map(|n| DeviceId::new([n; 16]))
}

impl Subject for Session {
    fn beginning() -> BoxedStrategy<Command> {
        (acceptable(), maybe(short_text()), maybe(short_text()))
            .prop_map(|(settings, display_name, welcome)| {
                let start_before = Timestamp(0) + Millis::MINUTE;
                let language = Some("de".to_owned());
                Command::Start(Box::new(Start {
                    link: LinkId::new([1; 16]),
                    settings,
                    start_before,
                    display_name,
                    language,
                    welcome,
                    question: None,
                    recipient: None,
                    origin: None,
                }))
            })
            .boxed()
    }

    fn command() -> BoxedStrategy<Command> {
        prop_oneof![
            1 => start(),
            24 => post(),
            6 => ask(),
            10 => answer(),
            10 => decide(),
            8 => timed(),
            4 => (reader(), upto()).prop_map(|(by, upto)| Command::MarkRead { by, upto: upto.into() }),
            8 => Just(Command::GoIdle),
            8 => timestamp().prop_map(|start_before| Command::Resume { start_before }),
            1 => timestamp().prop_map(|expires_at| Command::Reschedule { expires_at }),
            1 => (0_u8..8, maybe(sealed())).prop_map(|(rating, feedback)| Command::Rate { rating, feedback }),
            4 => code().prop_map(|code| Command::OfferHandoff { code }),
            6 => (code(), device(), maybe(hash()))
                .prop_map(|(code, device, client)| Command::TakeHandoff { code, device, client }),
            2 => sealed().prop_map(|reason| Command::Report { reason }),
            2 => (0_u32..50).prop_map(|messages| Command::NoteFlood { messages }),
            2 => limits().prop_map(|budget| Command::SetBudget { budget }),
            6 => spend(),
            6 => if_read(),
            2 => device().prop_map(|device| Command::ForgetDevice { device }),
            1 => (reason(), maybe(sealed())).prop_map(|(reason, farewell)| Command::End { reason, farewell }),
            2 => Just(Command::Expire),
            2 => any::<bool>().prop_map(|requested| Command::Erase { requested }),
        ]
        .boxed()
    }

    fn event() -> BoxedStrategy<Event> {
        let started = (any::<[u8; 16]>(), settings(), maybe(sealed()), maybe("[a-z]{0,9}"));
        let asked = (question(), author(), sealed(), any::<u8>(), any::<u8>(), terms());
        let closed = (question(), closing(), maybe(question()), maybe(sealed()), maybe(sealed()));
        prop_oneof![
            (started, maybe(origin())).prop_map(|((link, settings, display_name, language), origin)| Event::Started {
                link: LinkId::new(link),
                settings,
                display_name,
                language,
                recipient: None,
                origin,
            }),
            (author(), sealed(), maybe(kind()), maybe(sealed()), maybe(signs())).prop_map(
                |(from, text, kind, client_message_id, signs)| Event::MessagePosted {
                    from,
                    text,
                    kind,
                    client_message_id,
                    signs
                }
            ),
            any::<u32>().prop_map(|messages| Event::Flooded { messages }),
            level().prop_map(|level| Event::AbuseNoticed { level, reasons: [Reason::Flood].into() }),
            asked.prop_map(|(question, from, form, fields, required, terms)| Event::QuestionAsked {
                question,
                from,
                form,
                fields,
                required,
                terms
            }),
            closed.prop_map(|(question, why, replaced_by, values, reason)| Event::QuestionClosed {
                question,
                why,
                replaced_by,
                values,
                reason
            }),
            ((question(), verdict(), salted()), maybe(words()), sealed()).prop_map(
                |((question, verdict, payload), words, document)| Event::DecisionMade {
                    question,
                    verdict,
                    payload,
                    words,
                    document
                }
            ),
            (timestamp(), maybe(sealed())).prop_map(|(at, farewell)| Event::EndPlanned { at, farewell }),
            author().prop_map(|by| Event::EndCalledOff { by }),
            (question(), sealed(), any::<[u8; 3]>()).prop_map(|(question, values, [answered, withdrawn, missing])| {
                Event::QuestionAnswered { question, values, answered, withdrawn, missing }
            }),
            (reader(), upto()).prop_map(|(by, upto)| Event::MarkedRead { by, upto }),
            Just(Event::WentIdle),
            Just(Event::Resumed),
            timestamp().prop_map(|expires_at| Event::Rescheduled { expires_at }),
            (any::<u8>(), maybe(sealed())).prop_map(|(rating, feedback)| Event::Rated { rating, feedback }),
            (code(), timestamp()).prop_map(|(code, expires_at)| Event::HandoffOffered { code, expires_at }),
            Just(Event::HandoffMissed),
            (device(), maybe(hash())).prop_map(|(device, client)| Event::DeviceAdded { device, client }),
            device().prop_map(|device| Event::DeviceForgotten { device }),
            (reached(), any::<u8>()).prop_map(|(reached, at_percent)| Event::BudgetReached { reached, at_percent }),
            limits().prop_map(|budget| Event::BudgetSet { budget }),
            sealed().prop_map(|reason| Event::Reported { reason }),
            reason().prop_map(|reason| Event::Ended { reason }),
            Just(Event::Erased),
        ]
        .boxed()
    }
}
