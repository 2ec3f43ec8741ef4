//! How webhooks render events here: exactly as in the product.

use nats::Backbone;
use serde_json::Value;
use webhooks::{Teller, Told};

/// Renders events as the gateway does.
pub(crate) fn renderer(backbone: &Backbone) -> Teller {
    let cursors = backbone.cursors().clone();
    Teller::new(move |fact, vault| {
        let rendered = gateway::news(fact, vault, &cursors)?.map(|event| {
            let (id, kind) = (event.id.to_string(), event.data.kind());
            match serde_json::to_value(event) {
                Ok(Value::Object(event)) => Told { id, kind, event },
                Ok(_) | Err(_) => unreachable!("an event is an object of plain values"),
            }
        });
        Ok(rendered)
    })
}
