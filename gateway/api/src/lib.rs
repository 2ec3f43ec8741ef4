//! The public API under `/api/v1`, for chatters but for the agents' stream: one module for each thing one can do.

mod answers;
mod decisions;
mod devices;
mod heads;
mod history;
mod input;
mod inspect;
mod join;
mod leave;
mod link_preview;
mod messages;
mod qr;
mod receipts;
mod session;
mod signals;
mod streams;
mod transcript;

use app::App;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Routes that answer at once.
pub fn quick() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(inspect::inspect))
        .routes(routes!(join::join))
        .routes(routes!(session::get, leave::erase))
        .routes(routes!(messages::post))
        .routes(routes!(answers::answer))
        .routes(routes!(decisions::decide))
        .routes(routes!(signals::typing))
        .routes(routes!(signals::read))
        .routes(routes!(leave::end))
        .routes(routes!(leave::report))
        .routes(routes!(devices::handoff))
        .routes(routes!(devices::forget))
        .routes(routes!(transcript::transcript))
        .routes(routes!(heads::heads))
        .routes(routes!(receipts::receipt))
}

/// Routes that may wait for something to happen.
pub fn waiting() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(messages::get))
        .routes(routes!(streams::session_events::events))
        .routes(routes!(streams::agent_stream::events))
}
