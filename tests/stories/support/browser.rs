//! A real browser with an empty profile.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use fantoccini::elements::{Element, ElementRef};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use super::{Folder, soon, until};

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
        let binary = CHROMIUM.iter().find(|path| std::path::Path::new(path).exists());
        let mut wishes = Capabilities::new();
        wishes.insert("goog:chromeOptions".to_owned(), json!({"args": arguments, "binary": binary}));
        let connection = async { ClientBuilder::new(HttpConnector::new()).capabilities(wishes).connect(&driver).await };
        Self { client: soon("a browser window", connection).await.unwrap(), _folder: folder }
    }

    /// Goes to an address.
    pub(crate) async fn visit(&self, url: &str) {
        soon("a page", self.client.goto(url)).await.unwrap();
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        soon("a reload", self.client.refresh()).await.unwrap();
    }

    /// Returns the page's address.
    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().into()
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        until(selector, async || self.client.find(Locator::Css(selector)).await.ok()).await
    }

    /// Clicks an element once it is there.
    pub(crate) async fn click(&self, selector: &str) {
        until(selector, async || self.client.find(Locator::Css(selector)).await.ok()?.click().await.ok()).await;
    }

    /// Types into an element once it is there.
    pub(crate) async fn type_into(&self, selector: &str, keys: &str) {
        self.find(selector).await.send_keys(keys).await.unwrap();
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

    /// Runs a script in the page, and returns what it returns.
    pub(crate) async fn run(&self, script: &str) -> serde_json::Value {
        self.client.execute(script, vec![]).await.unwrap()
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

    /// Closes the window.
    pub(crate) async fn close(self) {
        soon("the end of the browser", self.client.close()).await.unwrap();
    }
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
