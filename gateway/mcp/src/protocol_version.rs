//! What differs between the protocol's eras: hints for caches are of 2026-07-28 (SEP-2549).

use rmcp::RoleServer;
use rmcp::model::{CacheScope, ProtocolVersion};
use rmcp::service::RequestContext;

/// For how long what the program itself holds may be kept, in milliseconds: an update of the program is seen within minutes.
pub(super) const CONSTANT: u64 = 300_000;
/// What depends on the caller, and may change any moment.
pub(super) const PRIVATE: (u64, CacheScope) = (0, CacheScope::Private);

/// Returns the version that a handshake agrees on: the client's where it is known and has one, else the last that had.
pub(super) fn handshake(wanted: &ProtocolVersion, known: &[ProtocolVersion]) -> ProtocolVersion {
    let is_agreed = wanted.has_initialize() && known.contains(wanted);
    if is_agreed { wanted.clone() } else { ProtocolVersion::LATEST_WITH_INITIALIZE }
}

/// Tells whether a request may be answered with a task: it speaks the version that has them, and declares the extension.
pub(super) fn speaks_tasks(request: &RequestContext<RoleServer>) -> bool {
    is_modern(request) && request.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks())
}

fn is_modern(request: &RequestContext<RoleServer>) -> bool {
    request.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// Returns a result's hints, for those who know them.
pub(super) fn hints(request: &RequestContext<RoleServer>, hints: (u64, CacheScope)) -> (Option<u64>, Option<CacheScope>) {
    let knows = is_modern(request);
    (knows.then_some(hints.0), knows.then_some(hints.1))
}
