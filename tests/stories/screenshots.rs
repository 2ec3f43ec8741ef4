//! Pictures of every screen, for people to look at: `./dev screenshots FOLDER`.

use std::fs;
use std::path::PathBuf;

use crate::screens;
use crate::support::{Browser, Screen};

#[tokio::test]
#[ignore = "makes pictures, in the folder that TEMPCHAT_SCREENSHOTS names"]
async fn screenshots() {
    let folder = PathBuf::from(std::env::var("TEMPCHAT_SCREENSHOTS").expect("./dev screenshots names a folder"));
    fs::create_dir_all(&folder).unwrap();
    let screens = [("narrow", Screen::PHONE), ("wide", Screen::DESK)];
    for (name, screen) in screens
        .into_iter()
        .flat_map(|(name, screen)| [(format!("{name}-light"), screen), (format!("{name}-dark"), screen.dark())])
    {
        let browser = Browser::open().await;
        browser.look_through(screen).await;
        screens::walk(&browser, async |scene| {
            fs::write(folder.join(format!("{scene}-{name}.png")), browser.picture().await).unwrap();
        })
        .await;
        browser.close().await;
    }
}
