//! Who the client is: its certificate and key, and the authority it trusts.

use std::path::Path;

use crate::error::ClientError;

/// A certificate with its key, and the client authority, as PEM text.
#[derive(Clone)]
pub struct Identity {
    pub(crate) ca_pem: String,
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
    /// Which files they are of, for errors.
    pub(crate) files: String,
}

impl Identity {
    /// Reads the three PEM files.
    ///
    /// # Errors
    /// `Setup` names the file that cannot be read or holds no PEM.
    pub fn from_files(ca: &Path, cert: &Path, key: &Path) -> Result<Self, ClientError> {
        Ok(Self {
            ca_pem: read_pem(ca, "CERTIFICATE")?,
            cert_pem: read_pem(cert, "CERTIFICATE")?,
            key_pem: read_pem(key, "PRIVATE KEY")?,
            files: format!("authority {} and certificate {}", ca.display(), cert.display()),
        })
    }

    /// Nobody, for connections without TLS.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        let [ca_pem, cert_pem, key_pem, files] = std::array::from_fn(|_| String::new());
        Self { ca_pem, cert_pem, key_pem, files }
    }

    /// Reads a user of a folder made by `registryctl pki init`, e.g. `exchange-sh`.
    ///
    /// # Errors
    /// As [`Identity::from_files`].
    pub fn from_pki(pki_dir: &Path, user: &str) -> Result<Self, ClientError> {
        let users = pki_dir.join("users");
        Self::from_files(
            &pki_dir.join("client-ca.pem"),
            &users.join(format!("{user}.pem")),
            &users.join(format!("{user}.key")),
        )
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key must never reach a log.
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

fn read_pem(path: &Path, kind: &str) -> Result<String, ClientError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ClientError::Setup(format!("cannot read {}: {error}", path.display())))?;
    if !text.contains(&format!("{kind}-----")) {
        return Err(ClientError::Setup(format!("{} holds no PEM {kind}", path.display())));
    }
    Ok(text)
}
