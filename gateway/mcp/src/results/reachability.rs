//! Who can open a link's URL, as far as the address tells.

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

/// From where a URL can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reachability {
    /// From anywhere, as far as the address tells.
    Public,
    /// From the same network only.
    LocalNetwork,
    /// From the machine that runs this service only.
    ThisMachine,
}

impl Reachability {
    /// Judges by the host alone; an address that leads nowhere is nobody's network.
    pub(crate) fn of(url: &Url) -> Self {
        match hosts::Reachability::of_url(url) {
            hosts::Reachability::ThisMachine => Self::ThisMachine,
            hosts::Reachability::LocalNetwork => Self::LocalNetwork,
            hosts::Reachability::Special | hosts::Reachability::Public => Self::Public,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_who_can_open_a_url() {
        for (url, reach) in [
            ("https://chat.example", Reachability::Public),
            ("https://203.0.113.7", Reachability::Public),
            ("http://[2001:db8::1]:8080", Reachability::Public),
            ("http://192.168.1.5:8080", Reachability::LocalNetwork),
            ("http://100.100.0.1", Reachability::LocalNetwork),
            ("http://[fd00::1]", Reachability::LocalNetwork),
            ("http://printer.local", Reachability::LocalNetwork),
            ("http://server:8080", Reachability::LocalNetwork),
            ("http://127.0.0.1:8080", Reachability::ThisMachine),
            ("http://[::1]:8080", Reachability::ThisMachine),
            ("http://chat.localhost:8080", Reachability::ThisMachine),
            ("https://mylocalhost.example", Reachability::Public),
        ] {
            assert_eq!(Reachability::of(&Url::parse(url).unwrap()), reach, "{url}");
        }
    }
}
