//! What holds of every history, whatever is asked of an agent, a link or a session, and whenever.

mod abuse;
mod budgets;
mod folding;
mod idempotence;
mod limits;
mod log;
mod names;
mod questions;
mod standing;
mod subject;
mod totality;
mod unread;

/// States a law once, and tests it of every aggregate.
macro_rules! of_every_aggregate {
    ($law:ident) => {
        mod $law {
            use domain::agent::Agent;
            use domain::link::Link;
            use domain::session::Session;
            use proptest::proptest;

            use crate::subject::{histories, history};

            proptest! {
                #![proptest_config(histories())]

                #[test]
                fn of_an_agent(history in history::<Agent>()) {
                    super::$law(history)?;
                }

                #[test]
                fn of_a_link(history in history::<Link>()) {
                    super::$law(history)?;
                }

                #[test]
                fn of_a_session(history in history::<Session>()) {
                    super::$law(history)?;
                }
            }
        }
    };
}
pub(crate) use of_every_aggregate;
