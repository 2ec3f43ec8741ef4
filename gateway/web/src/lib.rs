//! The page: one shell for every chat, the files it loads, and how other sites show it.

mod assets;
mod embed;
mod pages;

use app::App;
use axum::Router;

/// Returns the addresses of all pages and their files.
pub fn routes() -> Router<App> {
    pages::routes().merge(embed::routes())
}
