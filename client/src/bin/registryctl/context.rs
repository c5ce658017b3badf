//! Connections made from the shared flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use registry_client::proto::Consistency;
use registry_client::{
    BankClient, Cluster, Connector, ExchangeClient, FirmClient, Identity, OperatorClient,
    PlatformClient, ReadClient, RegistryClient, RepoClient,
};

use crate::args::Global;
use crate::exit::Usage;

impl Global {
    pub(crate) fn registry(&self) -> Result<RegistryClient> {
        Ok(RegistryClient::new(self.connector()?))
    }

    pub(crate) fn exchange(&self) -> Result<ExchangeClient> {
        Ok(ExchangeClient::new(self.connector()?))
    }

    pub(crate) fn bank(&self) -> Result<BankClient> {
        Ok(BankClient::new(self.connector()?))
    }

    pub(crate) fn firm(&self) -> Result<FirmClient> {
        Ok(FirmClient::new(self.connector()?))
    }

    pub(crate) fn platform(&self) -> Result<PlatformClient> {
        Ok(PlatformClient::new(self.connector()?))
    }

    pub(crate) fn repos(&self) -> Result<RepoClient> {
        Ok(RepoClient::new(self.connector()?))
    }

    pub(crate) fn operator(&self) -> Result<OperatorClient> {
        Ok(OperatorClient::new(self.connector()?))
    }

    /// For a call that is not repeated and may take all of `--timeout`.
    pub(crate) fn patient_operator(&self) -> Result<OperatorClient> {
        let mut cluster = self.cluster_as(self.own_identity()?)?;
        cluster.attempt_timeout = cluster.call_timeout;
        Ok(OperatorClient::new(cluster.connector()?))
    }

    pub(crate) fn reads(&self) -> Result<ReadClient> {
        Ok(ReadClient::new(self.connector()?))
    }

    /// The request id given, or none for a fresh one.
    pub(crate) fn write_id(&self) -> String {
        self.request_id.clone().unwrap_or_default()
    }

    pub(crate) fn consistency(&self) -> i32 {
        self.freshness().into()
    }

    /// How fresh reads must be.
    pub(crate) fn freshness(&self) -> Consistency {
        match self.stale_ok {
            true => Consistency::StaleOk,
            false => Consistency::Linearizable,
        }
    }

    /// A connector with the caller's own identity.
    pub(crate) fn connector(&self) -> Result<Connector> {
        self.connector_as(self.own_identity()?)
    }

    /// A connector with the identity DIR/USER, for jobs that act for two parties.
    pub(crate) fn connector_of(&self, identity: &Path) -> Result<Connector> {
        self.connector_as(from_pki(identity)?)
    }

    fn connector_as(&self, identity: Identity) -> Result<Connector> {
        Ok(self.cluster_as(identity)?.connector()?)
    }

    fn cluster_as(&self, identity: Identity) -> Result<Cluster> {
        if self.endpoints.is_empty() {
            bail!(Usage("no endpoint: give --endpoints or set REGISTRY_ENDPOINTS".to_owned()));
        }
        let mut cluster = Cluster::new(self.endpoints.iter().cloned(), identity);
        cluster.cluster_id = self.cluster_id.clone();
        cluster.call_timeout = Duration::from_secs(self.timeout);
        Ok(cluster)
    }

    /// The caller's own identity.
    pub(crate) fn own_identity(&self) -> Result<Identity> {
        if let Some(identity) = &self.identity {
            return from_pki(identity);
        }
        let file = |path: &Option<PathBuf>, flag: &str| {
            path.clone().ok_or_else(|| {
                Usage(format!("no {flag}: give --identity DIR/USER, or --ca, --cert and --key"))
            })
        };
        let (ca, cert, key) =
            (file(&self.ca, "--ca")?, file(&self.cert, "--cert")?, file(&self.key, "--key")?);
        Ok(Identity::from_files(&ca, &cert, &key)?)
    }
}

/// The identity DIR/USER.
pub(crate) fn from_pki(identity: &Path) -> Result<Identity> {
    let user = identity.file_name().and_then(|name| name.to_str());
    let dir = identity.parent().filter(|dir| !dir.as_os_str().is_empty());
    let (Some(user), Some(dir)) = (user, dir) else {
        bail!(Usage(format!(
            "identity {0}: must be DIR/USER, a folder made by `pki init` and a user's name in it, \
             e.g. pki/{0}",
            identity.display()
        )));
    };
    Identity::from_pki(dir, user).with_context(|| format!("identity {}", identity.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_without_its_folder_is_a_usage_error() {
        for identity in ["officer", "/", ".."] {
            let error = from_pki(Path::new(identity)).expect_err(identity);
            assert!(error.downcast_ref::<Usage>().is_some(), "{identity}: {error}");
        }
    }
}
