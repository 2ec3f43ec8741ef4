//! A link's budget as an argument: `{"day": {"turns": 200}}`.

use domain::Budget;
use domain::budget::Limits;
use problem::{Code, Problem};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// The spans that a budget may be for.
const SPANS: &str = "session, link or day";
/// What a budget may count.
const MEASURES: &str = "messages, characters or turns";

/// Lists the argument; each of its parts by name, because some hosts refuse an object without.
pub(super) fn budget_as_given(_: &mut SchemaGenerator) -> Schema {
    let limit = || json!({"type": "integer"});
    let limits = || json!({"type": "object", "properties": {"messages": limit(), "characters": limit(), "turns": limit()}});
    json_schema!({
        "type": "object",
        "description": "Most messages and characters (the person's), turns (yours).",
        "properties": {"session": limits(), "link": limits(), "day": limits()},
    })
}

/// Reads a budget; one without any limit is none.
pub(super) fn budget(given: &Value) -> Result<Budget, Problem> {
    let mut budget = Budget::default();
    for (span, limits_of_span) in object("budget", given)? {
        let limits = limits(&format!("budget.{span}"), limits_of_span)?;
        match span.as_str() {
            "session" => budget.session = limits,
            "link" => budget.link = limits,
            "day" => budget.day = limits,
            _ => return Err(wrong(format!("budget is for {SPANS}, not {:?}.", shortened(span)))),
        }
    }
    Ok(budget)
}

fn limits(name: &str, given: &Value) -> Result<Limits, Problem> {
    let mut limits = Limits::default();
    for (measure, limit) in object(name, given)? {
        let limit = Some(whole(&format!("{name}.{measure}"), limit)?);
        match measure.as_str() {
            "messages" => limits.messages = limit,
            "characters" => limits.characters = limit,
            "turns" => limits.turns = limit,
            _ => return Err(wrong(format!("{name} counts {MEASURES}, not {:?}.", shortened(measure)))),
        }
    }
    Ok(limits)
}

fn object<'a>(name: &str, given: &'a Value) -> Result<&'a Map<String, Value>, Problem> {
    given.as_object().ok_or_else(|| wrong(format!("{} must be an object, as {{\"day\": {{\"turns\": 200}}}}.", shortened(name))))
}

/// Reads a limit; some clients write numbers as texts, or 5 as 5.0.
fn whole(name: &str, given: &Value) -> Result<u32, Problem> {
    let number = match given {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    match number {
        Some(number) if number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&number) =>
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
            Ok(number as u32)
        }
        Some(_) | None => {
            let told = format!(
                "{} must be a whole number from 1 to {}, not {}.",
                shortened(name),
                u32::MAX,
                shortened(&given.to_string())
            );
            Err(Problem::with_detail(Code::SettingOutOfRange, told))
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

fn wrong(happened: String) -> Problem {
    Problem::with_detail(Code::InvalidRequest, happened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_read_as_hosts_send_it() {
        let read = budget(&json!({"session": {"messages": 20, "characters": "4000"}, "day": {"turns": 200.0}})).unwrap();
        assert_eq!((read.session.messages, read.session.characters, read.day.turns), (Some(20), Some(4_000), Some(200)));
        assert!(read.link.is_empty());
        assert!(budget(&json!({})).unwrap().is_empty());
    }

    #[test]
    fn a_wrong_budget_is_told_what_would_be_right() {
        for (given, told) in [
            (json!({"week": {}}), "session, link or day"),
            (json!({"day": {"words": 1}}), "messages, characters or turns"),
            (json!({"day": {"turns": 0}}), "budget.day.turns must be a whole number from 1"),
            (json!({"day": {"turns": 1.5}}), "not 1.5"),
            (json!({"day": 5}), "budget.day must be an object"),
        ] {
            let refused = budget(&given).unwrap_err();
            assert!(refused.detail.contains(told), "{given}: {}", refused.detail);
        }
    }
}
