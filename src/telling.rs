//! How webhooks show events: as the edge shows them to agents.

use nats::Backbone;
use serde_json::Value;
use webhooks::{Teller, Told};

/// Joins the two: neither knows of the other.
pub(crate) fn teller(backbone: &Backbone) -> Teller {
    let cursors = backbone.cursors().clone();
    Teller::new(move |fact, vault| {
        let told = gateway::news(fact, vault, &cursors)?.map(|event| {
            let (id, kind) = (event.id.to_string(), event.data.kind());
            match serde_json::to_value(event) {
                Ok(Value::Object(event)) => Told { id, kind, event },
                Ok(_) | Err(_) => unreachable!("an event is an object of plain values"),
            }
        });
        Ok(told)
    })
}
