//! The page: one shell for every chat, the files it loads, and how other sites show it.

mod assets;
mod embed;
mod pages;

use app::{App, Config};
use axum::Router;

use pages::Pages;

/// Returns the addresses of all pages and their files.
pub fn routes(config: &Config) -> Router<App> {
    let pages = Pages::of(config);
    pages::routes(&pages).merge(embed::routes(pages))
}
