//! What a page is looked at with: its size, light or dark, and the language of the browser.

use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// A screen, as Chromium emulates it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// In CSS pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
    /// Whether the reader's own few colours stand in for all of the page's.
    pub(crate) forced_colors: bool,
}

impl Screen {
    pub(crate) const PHONE: Self = Self { width: 360, height: 640, dark: false, forced_colors: false };
    pub(crate) const DESK: Self = Self { width: 1280, height: 800, ..Self::PHONE };

    /// Returns the same screen in the dark.
    pub(crate) fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    /// Returns the same screen in the reader's own colours.
    pub(crate) fn in_forced_colors(self) -> Self {
        Self { forced_colors: true, ..self }
    }

    /// Returns what a browser has to be told to be like this.
    pub(super) fn commands(self) -> [DevTools; 2] {
        let Self { width, height, dark, forced_colors } = self;
        let scheme = if dark { "dark" } else { "light" };
        let forced = if forced_colors { "active" } else { "none" };
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce"), ("forced-colors", forced)];
        let features = features.map(|(name, value)| json!({"name": name, "value": value}));
        [
            DevTools {
                command: "Emulation.setDeviceMetricsOverride",
                parameters: json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}),
            },
            DevTools { command: "Emulation.setEmulatedMedia", parameters: json!({"features": features}) },
        ]
    }
}

/// A command of Chromium's own protocol, which chromedriver passes on.
#[derive(Debug)]
pub(super) struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl DevTools {
    /// Makes the browser ask for pages in a language.
    pub(super) fn language(language: &str) -> Self {
        let agent = "Mozilla/5.0 (X11; Linux x86_64) Chrome";
        Self { command: "Emulation.setUserAgentOverride", parameters: json!({"userAgent": agent, "acceptLanguage": language}) }
    }

    /// Makes the browser live in a time zone.
    pub(super) fn time_zone(name: &str) -> Self {
        Self { command: "Emulation.setTimezoneOverride", parameters: json!({"timezoneId": name}) }
    }

    /// Makes the browser run a script before those of every page.
    pub(super) fn before_pages(script: &str) -> Self {
        Self { command: "Page.addScriptToEvaluateOnNewDocument", parameters: json!({"source": script}) }
    }

    /// Makes the browser fail to load what these patterns fit.
    pub(super) fn losing(patterns: &[&str]) -> [Self; 2] {
        [
            Self { command: "Network.enable", parameters: json!({}) },
            Self { command: "Network.setBlockedURLs", parameters: json!({"urls": patterns}) },
        ]
    }

    /// Makes the browser run no scripts of pages.
    pub(super) fn no_scripts() -> Self {
        Self { command: "Emulation.setScriptExecutionDisabled", parameters: json!({"value": true}) }
    }
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _request_url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"cmd": self.command, "params": self.parameters}).to_string()))
    }
}
