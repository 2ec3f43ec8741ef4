//! What Kubernetes puts into every pod's environment beside a Service whose name begins with `tempchat`: no setting of ours.

/// The ends of the two names that each Service has: where it is, and its port.
const HOST: &str = "_SERVICE_HOST";
const PORT: &str = "_SERVICE_PORT";

/// The Services that an environment tells of, by the beginning of their names in it.
#[derive(Debug, Clone)]
pub(super) struct Services(Vec<String>);

impl Services {
    /// Finds them among the names of an environment.
    pub(super) fn among(names: &[String]) -> Self {
        let services = names.iter().filter_map(|name| name.strip_suffix(HOST));
        Self(services.filter(|service| names.contains(&format!("{service}{PORT}"))).map(str::to_owned).collect())
    }

    /// Tells whether a variable is one of theirs (`X_SERVICE_HOST`, `X_PORT`, `X_PORT_8080_TCP_ADDR` and the like).
    pub(super) fn have(&self, name: &str) -> bool {
        let mut rests = self.0.iter().filter_map(|service| name.strip_prefix(service.as_str()));
        rests.any(|rest| rest == "_PORT" || rest.starts_with("_PORT_") || rest.starts_with("_SERVICE_"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_our_name_sets_nothing() {
        let names = ["TEMPCHAT_SERVICE_HOST", "TEMPCHAT_SERVICE_PORT", "TEMPCHAT_SHARDS"].map(str::to_owned);
        let services = Services::among(&names);
        for theirs in ["TEMPCHAT_SERVICE_HOST", "TEMPCHAT_SERVICE_PORT_HTTP", "TEMPCHAT_PORT", "TEMPCHAT_PORT_8080_TCP_ADDR"] {
            assert!(services.have(theirs), "{theirs}");
        }
        for ours in ["TEMPCHAT_SHARDS", "TEMPCHAT_PORTS"] {
            assert!(!services.have(ours), "{ours}");
        }
        assert!(!Services::among(&[]).have("TEMPCHAT_PORT"), "without a Service it is a mistake");
    }
}
