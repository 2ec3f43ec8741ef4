//! What operators are warned of: the service is ready all the same.

use std::time::Duration;

use app::App;
use query_service::Unfinished;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

/// How long the rows may take to say what is not done.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that should be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Warning {
    /// Names it, for programs: it does not change.
    #[schema(value_type = String)]
    code: &'static str,
    /// How many there are; counting stops at 1,000.
    count: u32,
    /// What it is, and what to do next.
    detail: String,
}

/// Says what is not done and what is not as it should be, and notes it as a metric; of the rows nothing where they cannot be asked, which
/// is told elsewhere.
pub(crate) async fn warnings(app: &App) -> Vec<Warning> {
    let unfinished = match timeout(PATIENCE, app.queries().unfinished()).await {
        Ok(Ok(unfinished)) => describe(&unfinished).into(),
        Ok(Err(_)) | Err(_) => vec![],
    };
    let heads = app.backbone().heads();
    let all = [unfinished, describe_heads(&heads.contradictions(), heads.failure()).into()].concat();
    for warning in &all {
        metrics::gauge!("tempchat_unfinished", "code" => warning.code).set(f64::from(warning.count));
    }
    all.into_iter().filter(|warning| warning.count > 0).collect()
}

/// Describes everything that there may be, also what there is none of.
fn describe(unfinished: &Unfinished) -> [Warning; 6] {
    let Unfinished { failing_erasures, dead_commands, late_commands, passed_over, dead_deliveries, reports } = *unfinished;
    let warning = |code, count, one: &str, many: &str, next: &str| Warning {
        code,
        count,
        detail: format!("{} {}. {next}", number(count), if count == 1 { one } else { many }),
    };
    [
        warning(
            "erasures_failing",
            failing_erasures,
            "erasure has failed again and again: words that should be gone are still there",
            "erasures have failed again and again: words that should be gone are still there",
            "They are tried again at least once a day; `tempchat schedule list --dead` says why they fail, and `tempchat schedule retry` tries now.",
        ),
        warning(
            "commands_dead",
            dead_commands,
            "scheduled command has failed for good",
            "scheduled commands have failed for good",
            "See `tempchat schedule list --dead`; `tempchat schedule retry` tries again.",
        ),
        warning(
            "commands_late",
            late_commands,
            "scheduled command has been due for more than five minutes",
            "scheduled commands have been due for more than five minutes",
            "Does a worker run, and has the projection caught up? `tempchat schedule list` shows what is due.",
        ),
        warning(
            "commits_passed_over",
            passed_over,
            "commit of a newer version was passed over by the read models",
            "commits of a newer version were passed over by the read models",
            "See `tempchat schedule list --dead`; upgrade, then `tempchat rebuild`.",
        ),
        warning(
            "webhook_deliveries_dead",
            dead_deliveries,
            "call to a webhook was given up",
            "calls to webhooks were given up",
            "See `tempchat schedule list --dead`; `tempchat agent webhook redeliver` tries again.",
        ),
        warning(
            "reports",
            reports,
            "report of a chat by a person in the last seven days",
            "reports of chats by people in the last seven days",
            "`tempchat reports` lists them, `--with-text` with what they say, and `--seen` ends this warning; `tempchat agent key revoke` stops an agent.",
        ),
    ]
}

/// Describes how the log stands to its signed heads.
fn describe_heads(contradictions: &[String], failure: Option<String>) -> [Warning; 2] {
    let count = u32::try_from(contradictions.len()).unwrap_or(u32::MAX);
    [
        Warning { code: "log_contradicts_head", count, detail: contradictions.join(" ") },
        Warning {
            code: "heads_not_signed",
            count: u32::from(failure.is_some()),
            detail: format!("The heads of the log are not signed: {}.", failure.unwrap_or_default()),
        },
    ]
}

fn number(count: u32) -> String {
    if count < Unfinished::COUNTED { count.to_string() } else { format!("{count} or more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_says_how_many_and_what_next() {
        let unfinished = Unfinished { failing_erasures: 1, dead_commands: 1_000, ..Unfinished::default() };
        let [erasures, commands, late, ..] = describe(&unfinished);
        assert!(erasures.detail.starts_with("1 erasure has failed"), "{erasures:?}");
        assert!(commands.detail.starts_with("1000 or more scheduled commands have failed"), "{commands:?}");
        assert!(commands.detail.contains("tempchat schedule list --dead"), "{commands:?}");
        assert_eq!((late.code, late.count), ("commands_late", 0));
    }
}
