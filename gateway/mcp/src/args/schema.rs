//! The schema of a tool's arguments, as it is listed: taken from the very type that is read, with the ranges in force.

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The range of a number, of a text's characters, or of a list's items; and the value in force where none is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bound {
    pub(crate) argument: &'static str,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) usual: Option<f64>,
}

impl Bound {
    /// Makes a range without a usual value.
    pub(crate) fn new(argument: &'static str, least: impl Into<f64>, most: impl Into<f64>) -> Self {
        Self { argument, least: least.into(), most: most.into(), usual: None }
    }

    /// Adds the value in force where none is given.
    pub(crate) fn usually(self, usual: impl Into<f64>) -> Self {
        // An operator may have narrowed the range.
        Self { usual: Some(usual.into().clamp(self.least, self.most)), ..self }
    }
}

/// Takes the shape from `A` and the ranges from `bounds`.
pub(super) fn of<A: JsonSchema>(bounds: &[Bound]) -> JsonObject {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    for noise in ["$schema", "title", "description"] {
        schema.remove(noise);
    }
    let mut schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
    schema.insert("additionalProperties".to_owned(), false.into());
    schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            let bound = bounds.iter().find(|bound| bound.argument == name);
            if let Some(property) = property.as_object_mut() {
                tidy(property, bound);
            }
        }
    }
    schema
}

/// Takes out what tells a model nothing, and puts in the range.
fn tidy(property: &mut JsonObject, bound: Option<&Bound>) {
    property.remove("format");
    property.retain(|key, value| key != "default" || !value.is_null());
    let Some(bound) = bound else { return };
    let (least, most) = match property.get("type").and_then(Value::as_str) {
        Some("string") => ("minLength", "maxLength"),
        Some("array") => ("minItems", "maxItems"),
        _ => ("minimum", "maximum"),
    };
    if bound.least > 0.0 || least == "minimum" {
        property.insert(least.to_owned(), number(bound.least));
    }
    property.insert(most.to_owned(), number(bound.most));
    if let Some(usual) = bound.usual {
        property.insert("default".to_owned(), number(usual));
    }
}

/// Writes a number, a whole one without a fraction.
pub(crate) fn number(value: f64) -> Value {
    value.to_string().parse().map_or_else(|_| json!(value), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrowed_range_narrows_the_usual_value() {
        assert_eq!(Bound::new("minutes", 1, 5).usually(60).usual, Some(5.0));
    }
}
