//! The one table of what counts as a sign of abuse, for how much, and from which score on something is done about it. docs/limits.md is
//! written from it. None is a setting: a score is folded from the log, and every gateway and every rebuild must come to the same one.

/// A line of the table, for the docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// What it is called.
    pub name: &'static str,
    /// The number.
    pub value: u32,
    /// What is counted.
    pub unit: &'static str,
    /// Why it is that much.
    pub reason: &'static str,
}

macro_rules! thresholds {
    ($($name:ident = $value:literal $unit:literal, $reason:literal;)+) => {
        /// What counts, and for how much.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Thresholds {
            $(#[doc = $reason] pub $name: u32,)+
        }

        /// The numbers in force.
        pub const THRESHOLDS: Thresholds = Thresholds { $($name: $value,)+ };

        /// The table, line by line.
        pub const TABLE: &[Threshold] =
            &[$(Threshold { name: stringify!($name), value: $value, unit: $unit, reason: $reason },)+];
    };
}

thresholds! {
    noticed = 6 "points", "From here on the agent is told, and nothing else happens: it may look, and judge better than any count.";
    slowed = 12 "points", "From here on a share of the minute's messages is left: who writes by hand is hardly held up.";
    priced = 20 "points", "From here on each message costs proof of work, or waiting until the score has faded: a person loses seconds, a program its speed.";
    closed = 40 "points", "From here on the chat is over and its devices are shut out of the link, as by `block`: twice what is priced, so only who pays to go on comes here.";
    holds = 75 "percent", "Of a level's score, down to which it holds once it was told, so that it does not come and go with each message.";
    halves_after = 10 "minutes", "A score fades by half in so long: a bad moment is over before a chat is.";
    slowed_to = 25 "percent", "Of the link's messages a minute (at least one), what is left to who is slowed.";
    likeness_letters = 24 "letters", "Blanks, signs and digits apart, from which on a text is compared: *ok*, *yes* and *are you there?* come again in any chat.";
    remembered_texts = 16 "texts", "The newest ones that the next is compared with.";
    remembered_for = 15 "minutes", "For how long: who asks the same an hour later asks anew.";
    free_repeats = 4 "times", "One long text may be sent so often without a sign: once, and again by whoever sees no answer, or by an impatient app.";
    repeat = 2 "points", "Each further time that it comes within those minutes. In quick succession the seventh time is noticed, the tenth slowed, the fourteenth priced, the twenty-fourth closed.";
    addresses_of_message = 50 "addresses", "Counted of one message at most, each once: a pasted list is one thing to say, however long.";
    free_addresses = 150 "addresses", "Three long lists in a row, or one address in each of ten messages a minute for twenty minutes; they fade as a score does.";
    many_addresses = 3 "points", "Each message with addresses while more than those have come.";
    waits = 1 "minutes", "So long a refused message counts as one that waits to be sent again.";
    may_wait = 8 "messages", "Refused ones of a session that may wait at once: the page has one for each device, and a session has nine devices. A repeat of one that waits is the same message.";
    flood_step = 10 "messages", "So many refused on top of those are one sign: a crashed script is no flood.";
    flood = 4 "points", "Each such ten.";
    floods = 100 "signs", "After so many in all a chat is closed however slowly they come, since each is kept in the log.";
    link_told_again = 1440 "minutes", "Of what strangers do to a link the agent is told once in so long, for each kind: whoever makes the noise does not fill the log with it.";
}
