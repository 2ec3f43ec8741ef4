//! The one table of limits: name, whom it holds, its default, and why. Operators set each by its name, and docs/limits.md is written from it.

use std::num::NonZeroU32;

use domain::{KeyId, LinkId, SessionId};
use problem::Code;
use serde::{Deserialize, Serialize};

use super::counters::Counters;
use super::rate::{Rate, Unit};
use crate::client::Client;

/// Whom a limit holds.
pub(super) trait Subject: Copy {
    /// As the docs say it.
    #[cfg(test)]
    const LAYER: &'static str;

    /// Returns the network that is counted too, more generously; of one IPv6 customer a thousand /64 may come.
    fn network(self) -> Option<Self>;
}

macro_rules! subjects {
    ($($subject:ty = $layer:literal, $self:ident => $network:expr;)+) => {
        $(impl Subject for $subject {
            #[cfg(test)]
            const LAYER: &'static str = $layer;

            fn network($self) -> Option<Self> {
                $network
            }
        })+
    };
}

subjects! {
    Client = "address", self => self.network();
    (LinkId, Client) = "link and address", self => self.1.network().map(|network| (self.0, network));
    LinkId = "link", self => None;
    SessionId = "session", self => None;
    KeyId = "agent key", self => None;
    () = "installation", self => None;
}

/// A line of the table, for the docs.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) layer: &'static str,
    pub(crate) default: String,
    pub(crate) reason: &'static str,
}

macro_rules! limits {
    (
        rates { $($field:ident = $limit:ident($subject:ty), $unit:ident, $burst:literal, $per_minute:literal, $reason:literal;)+ }
        numbers { $($number:ident = $layer:literal, $value:literal, $why:literal;)+ }
    ) => {
        /// What is limited, and for whom.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit {
            $(#[doc = $reason] $limit($subject),)+
        }

        /// The limits in force, as an operator sets them.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Rates {
            $(#[doc = $reason] pub $field: Rate,)+
            $(#[doc = $why] pub $number: NonZeroU32,)+
        }

        impl Default for Rates {
            fn default() -> Self {
                Self {
                    $($field: Rate { burst: number($burst), per_minute: number($per_minute) },)+
                    $($number: number($value),)+
                }
            }
        }

        impl Rates {
            /// Makes limits that nobody reaches, for measurements.
            pub fn unlimited() -> Self {
                let rate = Rate { burst: number(1_000_000_000), per_minute: number(1_000_000_000) };
                Self { $($field: rate,)+ $($number: number(1_000_000_000),)+ }
            }
        }

        impl Limit {
            /// Returns the name in settings, metrics and headers.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$limit(_) => stringify!($field),)+ }
            }

            /// Returns what is counted.
            pub(crate) const fn unit(self) -> Unit {
                match self { $(Self::$limit(_) => Unit::$unit,)+ }
            }

            /// Returns the code of its refusals.
            pub(super) const fn code(self) -> Code {
                match self {
                    Self::MadeUpTokens(_) | Self::MadeUpCredentials(_) | Self::FailedKeys(_) | Self::UntaggedKeys(_) => Code::TooManyAttempts,
                    _ => Code::RateLimited,
                }
            }

            /// Returns the limit of the network that this one's address is in.
            pub(super) fn network(self) -> Option<Self> {
                match self { $(Self::$limit(subject) => subject.network().map(Self::$limit),)+ }
            }
        }

        /// What counts, for each limit.
        #[derive(Debug)]
        pub(super) struct Entries { $($field: Counters<Limit>,)+ }

        impl Entries {
            pub(super) fn new(rates: &Rates) -> Self {
                Self { $($field: Counters::new(rates.$field, rates.ipv6_network_times),)+ }
            }

            pub(super) fn of(&self, limit: Limit) -> &Counters<Limit> {
                match limit { $(Limit::$limit(_) => &self.$field,)+ }
            }

            pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Counters<Limit>)> {
                [$((stringify!($field), &self.$field),)+].into_iter()
            }
        }

        /// Returns the lines of the table.
        #[cfg(test)]
        pub(crate) fn rows() -> Vec<Row> {
            vec![
                $(Row {
                    name: stringify!($field),
                    layer: <$subject as Subject>::LAYER,
                    default: super::rate::words(Unit::$unit, $burst, $per_minute),
                    reason: $reason,
                },)+
                $(Row { name: stringify!($number), layer: $layer, default: $value.to_string(), reason: $why },)+
            ]
        }
    };
}

limits! {
    rates {
        // What is made up, apart from what is genuine: a neighbour's good token is not refused for a stranger's bad ones.
        made_up_tokens = MadeUpTokens(Client), Requests, 60, 60, "Link tokens that this installation never made: a person mistypes one, a scanner tries thousands.";
        made_up_credentials = MadeUpCredentials(Client), Requests, 240, 240, "Requests about a session with a credential that does not open it; without any they are not counted.";
        failed_keys = FailedKeys(Client), Requests, 60, 60, "API keys and access tokens that open nothing.";
        untagged_keys = UntaggedKeys(Client), Requests, 120, 600, "API keys of the first form that were not good here lately: only the log tells whether there is such an agent.";
        // What is genuine.
        visits = Visits(Client), Requests, 1_200, 2_400, "Looks at links, and joins, with genuine tokens: a campus or a phone network shares one address.";
        new_sessions = NewSessions(Client), Requests, 200, 120, "Sessions begun: a full lecture hall at once.";
        messages = Messages(Client), Requests, 1_200, 2_400, "Messages and answers: more than a hundred people who write as fast as a session may.";
        bytes = Bytes(Client), Bytes, 16_777_216, 8_388_608, "Bodies of chatters' requests.";
        link_visits_from_address = LinkVisitsFromAddress((LinkId, Client)), Requests, 240, 480, "Looks at one link, and joins, with its token: whoever floods one link leaves the others of the same office alone.";
        link_visits = LinkVisits(LinkId), Requests, 3_000, 6_000, "Looks at one link, and joins, from everywhere: a link that is told to a crowd.";
        link_new_sessions = LinkNewSessions(LinkId), Requests, 200, 120, "Sessions begun on one link: each costs keys and log, and the link's own places are at most 50.";
        link_messages = LinkMessages(LinkId), Requests, 3_000, 5_000, "Messages and answers of one link: 50 sessions at the most that a link may allow each, 100 a minute.";
        link_bytes = LinkBytes(LinkId), Bytes, 16_777_216, 8_388_608, "Bodies of one link's chatters: 0.5 GB an hour, which fills no shard in hours.";
        session_requests = SessionRequests(SessionId), Requests, 100, 600, "Requests of one session, typing signals aside: several pages and devices that poll.";
        session_typing = SessionTyping(SessionId), Requests, 10, 60, "Typing signals of one session: a page sends one every few seconds.";
        session_bytes = SessionBytes(SessionId), Bytes, 1_048_576, 262_144, "Bodies of one session: a whole conversation of the longest messages at once.";
        key_requests = KeyRequests(KeyId), Requests, 600, 6_000, "Requests with one genuine API key or token.";
        key_bytes = KeyBytes(KeyId), Bytes, 33_554_432, 33_554_432, "Bodies of requests with one API key or token.";
        all_new_sessions = AllNewSessions(()), Requests, 2_000, 6_000, "Sessions begun anywhere here.";
        all_bytes = AllBytes(()), Bytes, 536_870_912, 536_870_912, "Bodies of all requests about sessions, and with keys.";
        all_requests = AllRequests(()), Requests, 20_000, 600_000, "All requests to /api/v1 and /mcp: far more than one process answers, for operators to lower.";
    }
    numbers {
        ipv6_network_times = "address", 8, "How many times what one IPv6 network (/64) may do its /48 may do: a site or a customer has thousands of them.";
        free_passcodes = "link and address", 5, "Wrong passcodes a day until guesses cost proof of work: a person's typing errors.";
        free_passcodes_of_network = "link and network (/24, /48)", 20, "The same for all addresses of a network.";
        free_passcodes_of_link = "link", 30, "The same for everybody: from then on a guess costs on every address, the holder's too.";
        free_handoff_codes = "address", 5, "Wrong hand-off codes a day until guesses cost proof of work.";
        free_handoff_codes_of_network = "network (/24, /48)", 20, "The same for all addresses of a network.";
        free_newcomers_of_network = "link and network (/24, /48)", 200, "Sessions begun on one link a day until coming in costs proof of work: a full lecture hall.";
        dearest_message = "session", 5, "How often the price of a message doubles at most, where abuse is suspected: at 5 a second or two of a phone.";
        dearest_entry = "newcomer", 5, "How often the price of coming in doubles at most, in a network (/24, /48) from which somebody was shut out of the link: at 5 a second or two of a phone.";
        dearest_proof = "guess", 10, "How often the price of a guess doubles at most: at 10 the work is 82 million rounds of PBKDF2 on average.";
    }
}

/// A number of the table, which has no zeros.
const fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("the table has no zeros")
}
