//! The public API under `/api/v1`, for chatters but for the agents' stream: one module for each thing one can do.

mod agent_events;
mod answers;
mod body;
mod devices;
mod events;
mod face;
mod history;
mod inspect;
mod join;
mod leave;
mod messages;
mod session;
mod signals;
mod sse;
pub(crate) mod stream;
mod transcript;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// Routes that answer at once.
pub(crate) fn quick() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(inspect::inspect))
        .routes(routes!(join::join))
        .routes(routes!(session::get, leave::erase))
        .routes(routes!(messages::post))
        .routes(routes!(answers::answer))
        .routes(routes!(signals::typing))
        .routes(routes!(signals::read))
        .routes(routes!(leave::end))
        .routes(routes!(devices::handoff))
        .routes(routes!(devices::forget))
        .routes(routes!(transcript::transcript))
}

/// Routes that may wait for something to happen.
pub(crate) fn waiting() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(messages::get)).routes(routes!(events::events)).routes(routes!(agent_events::events))
}
