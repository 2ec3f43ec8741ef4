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
    let screens = [
        ("narrow-light", Screen::PHONE),
        ("narrow-dark", Screen::PHONE.dark()),
        ("narrow-forced-colors", Screen::PHONE.in_forced_colors()),
        ("wide-light", Screen::DESK),
        ("wide-dark", Screen::DESK.dark()),
    ];
    for (name, screen) in screens {
        let browser = Browser::open().await;
        browser.look_through(screen).await;
        screens::walk(&browser, async |scene| {
            fs::write(folder.join(format!("{scene}-{name}.png")), browser.picture().await).unwrap();
        })
        .await;
        browser.close().await;
    }
}
