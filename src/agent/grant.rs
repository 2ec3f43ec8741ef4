//! What a key may do, as JSON.

use domain::agent::{Grant, Scope};
use gateway::Moment;
use serde_json::{Value, json};

/// Adds what a key may do.
pub(super) fn add_to(value: &mut Value, grant: &Grant) {
    value["scopes"] = grant.scopes().map(Scope::as_str).collect();
    value["link_id"] = json!(grant.link);
    value["expires_at"] = json!(grant.expires_at.map(Moment));
}
