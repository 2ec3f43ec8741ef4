//! A real browser with an empty profile.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use fantoccini::elements::{Element, ElementRef};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::screen::DevTools;
use super::{Folder, Screen, soon, until};

/// Chromium under these names.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// A browser window.
#[derive(Debug)]
pub(crate) struct Browser {
    client: Client,
    /// Where the profile lies; whatever of the browser is left when it goes is ended.
    _folder: Folder,
}

impl Browser {
    /// Opens a window as large as a phone.
    pub(crate) async fn open() -> Self {
        let folder = Folder::new();
        let driver = start_driver(&folder);
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--lang=en",
            "--window-size=390,844",
            &format!("--user-data-dir={}", folder.path().join("profile").display()),
        ];
        let mut wishes = Capabilities::new();
        // Nobody vouches for certificates of an hour's life.
        wishes.insert("acceptInsecureCerts".to_owned(), json!(true));
        // As in most browsers by now: a page in another site's frame has no cookies.
        let settings = json!({"profile.cookie_controls_mode": 1});
        wishes.insert("goog:chromeOptions".to_owned(), json!({"args": arguments, "binary": chromium(), "prefs": settings}));
        let connection = async { ClientBuilder::new(HttpConnector::new()).capabilities(wishes).connect(&driver).await };
        Self { client: soon("a browser window", connection).await.unwrap(), _folder: folder }
    }

    /// Looks through a screen of another size or brightness from here on.
    pub(crate) async fn look_through(&self, screen: Screen) {
        for command in screen.commands() {
            soon("a screen", self.client.issue_cmd(command)).await.unwrap();
        }
    }

    /// Gives the window another size.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        soon("a size", self.client.set_window_size(width, height)).await.unwrap();
    }

    /// Prefers a language from here on.
    pub(crate) async fn prefer(&self, language: &str) {
        soon("a language", self.client.issue_cmd(DevTools::language(language))).await.unwrap();
    }

    /// Lives in a time zone from here on.
    pub(crate) async fn live_in(&self, time_zone: &str) {
        soon("a time zone", self.client.issue_cmd(DevTools::time_zone(time_zone))).await.unwrap();
    }

    /// Runs a script before those of every page from here on.
    pub(crate) async fn prepare(&self, script: &str) {
        soon("a script", self.client.issue_cmd(DevTools::before_pages(script))).await.unwrap();
    }

    /// Loses the files that these patterns fit, from here on; without any, none.
    pub(crate) async fn lose(&self, patterns: &[&str]) {
        for command in DevTools::losing(patterns) {
            soon("a loss", self.client.issue_cmd(command)).await.unwrap();
        }
    }

    /// Goes to an address.
    pub(crate) async fn visit(&self, url: &str) {
        soon("a page", self.client.goto(url)).await.unwrap();
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        soon("a reload", self.client.refresh()).await.unwrap();
    }

    /// Goes back to the page before.
    pub(crate) async fn back(&self) {
        soon("the page before", self.client.back()).await.unwrap();
    }

    /// Runs no page's scripts from here on.
    pub(crate) async fn without_scripts(&self) {
        soon("no scripts", self.client.issue_cmd(DevTools::no_scripts())).await.unwrap();
    }

    /// Returns the page's address.
    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().into()
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        until(selector, async || self.client.find(Locator::Css(selector)).await.ok()).await
    }

    /// Opens the chat's menu, which may have to be fetched first.
    pub(crate) async fn open_menu(&self) {
        self.click(".menu-place > button").await;
        self.find(".menu .danger").await;
    }

    /// Clicks an element once it is there.
    pub(crate) async fn click(&self, selector: &str) {
        until(selector, async || self.client.find(Locator::Css(selector)).await.ok()?.click().await.ok()).await;
    }

    /// Types into an element once it is there and takes keys: what is drawn anew meanwhile has got none of them.
    pub(crate) async fn type_into(&self, selector: &str, keys: &str) {
        until(selector, async || self.client.find(Locator::Css(selector)).await.ok()?.send_keys(keys).await.ok()).await;
    }

    /// Waits until an element shows some words.
    pub(crate) async fn shows(&self, selector: &str, words: &str) {
        let script =
            "return [...document.querySelectorAll(arguments[0])].some((element) => element.innerText.includes(arguments[1]))";
        until(&format!("{words:?} in {selector}"), async || {
            let shown = self.client.execute(script, vec![selector.into(), words.into()]).await.ok()?;
            (shown == true).then_some(())
        })
        .await;
    }

    /// Waits until a script returns true.
    pub(crate) async fn becomes(&self, script: &str) {
        until(script, async || (self.client.execute(script, vec![]).await.ok()? == true).then_some(())).await;
    }

    /// Goes into a frame that a script returns; [`Self::leave_frame`] leads out of it.
    pub(crate) async fn enter_frame(&self, script: &str) {
        let frame = self.run(script).await;
        let (_, id) = frame.as_object().and_then(|element| element.iter().next()).expect("the script returns an element");
        let id = ElementRef::from(id.as_str().unwrap().to_owned());
        Element::from_element_id(self.client.clone(), id).enter_frame().await.unwrap();
    }

    /// Goes back to the page around the frame.
    pub(crate) async fn leave_frame(&self) {
        self.client.clone().enter_parent_frame().await.unwrap();
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: &str) {
        self.client.active_element().await.unwrap().send_keys(key).await.unwrap();
    }

    /// Counts the elements that a selector fits.
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.unwrap().len()
    }

    /// Returns what the elements that a selector fits have to read, in their order.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((element) => element.innerText.trim())";
        serde_json::from_value(self.client.execute(script, vec![selector.into()]).await.unwrap()).unwrap()
    }

    /// Runs a script in the page; its result is what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        soon("a script", self.client.execute(script, Vec::new())).await.unwrap()
    }

    /// Runs a script in the page; its result is what it gives to `arguments[0]`.
    pub(crate) async fn run_until_it_tells(&self, script: &str) -> Value {
        soon("a script's word", self.client.execute_async(script, Vec::new())).await.unwrap()
    }

    /// Takes a picture of what is on screen (PNG).
    pub(crate) async fn picture(&self) -> Vec<u8> {
        soon("a picture", self.client.screenshot()).await.unwrap()
    }

    /// Opens another tab, and goes on there.
    pub(crate) async fn open_tab(&self) {
        let tab = self.client.new_window(true).await.unwrap();
        self.client.switch_to_window(tab.handle).await.unwrap();
    }

    /// Goes on in the other one of two tabs.
    pub(crate) async fn other_tab(&self) {
        let here = self.client.window().await.unwrap();
        let other = self.client.windows().await.unwrap().into_iter().find(|tab| *tab != here);
        self.client.switch_to_window(other.expect("there are two")).await.unwrap();
    }

    /// Closes all tabs but this one.
    pub(crate) async fn close_other_tabs(&self) {
        let here = self.client.window().await.unwrap();
        for tab in self.client.windows().await.unwrap() {
            if tab != here {
                self.client.switch_to_window(tab).await.unwrap();
                self.client.close_window().await.unwrap();
            }
        }
        self.client.switch_to_window(here).await.unwrap();
    }

    /// Closes the window.
    pub(crate) async fn close(self) {
        soon("the end of the browser", self.client.close()).await.unwrap();
    }
}

/// Finds the browser.
pub(crate) fn chromium() -> &'static str {
    let found = CHROMIUM.into_iter().find(|path| std::path::Path::new(path).exists());
    found.expect("Chromium is installed; ./dev test does that")
}

/// Starts chromedriver on a free port, and returns its address.
fn start_driver(folder: &Folder) -> String {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        // So that it is found if it is left.
        .arg(format!("--log-path={}", folder.path().join("driver.log").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is installed; ./dev test does that");
    folder.keep(driver.id());
    let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let port = lines
        .find_map(|line| Some(line.split_once("started successfully on port ")?.1.trim_end_matches('.').to_owned()))
        .expect("chromedriver says its port");
    std::thread::spawn(move || {
        lines.for_each(drop);
        driver.wait()
    });
    format!("http://127.0.0.1:{port}")
}
