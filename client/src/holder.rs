//! Whose a certificate is: read from it, without asking a node.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::error::ClientError;
use crate::identity::Identity;

/// What an identity's certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// E.g. `firm`.
    pub role: String,
    /// Name within the role, e.g. an account's number.
    pub name: String,
    /// Who signed the certificate.
    pub issuer: String,
    /// The certificate counts until then, Unix time.
    pub expires_at_ms: i64,
}

impl Identity {
    /// Whose the certificate is.
    ///
    /// # Errors
    /// `Setup` when it is no certificate with one URI of a role, as nodes want it.
    pub fn holder(&self) -> Result<Holder, ClientError> {
        read(self.cert_pem.as_bytes()).map_err(|problem| {
            ClientError::Setup(format!("certificate of {}: {problem}", self.files))
        })
    }
}

fn read(pem: &[u8]) -> Result<Holder, String> {
    let der = CertificateDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
    from_der(&der)
}

/// Whose a DER certificate is.
pub(crate) fn from_der(der: &[u8]) -> Result<Holder, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let mut uris = names.filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let (Some(uri), None) = (uris.next(), uris.next()) else {
        return Err("it has not exactly one URI".to_owned());
    };
    let path = uri.strip_prefix("spiffe://carbon-registry/").and_then(|path| path.split_once('/'));
    let (role, name) =
        path.ok_or_else(|| format!("{uri} is not spiffe://carbon-registry/<role>/<name>"))?;
    Ok(Holder {
        role: role.to_owned(),
        name: name.to_owned(),
        issuer: certificate.issuer().to_string(),
        expires_at_ms: certificate.validity().not_after.timestamp().saturating_mul(1_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{self, Layout, Role};

    #[test]
    fn a_certificate_says_whose_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let users = vec![(Role::Firm, "17".to_owned())];
        pki::init(dir.path(), &Layout { nodes: Vec::new(), users }).expect("a fresh folder");
        let identity = Identity::from_pki(dir.path(), "firm-17").expect("made by init");
        let holder = identity.holder().expect("one URI");
        assert_eq!((holder.role.as_str(), holder.name.as_str()), ("firm", "17"));
        assert!(holder.issuer.contains("client CA"), "{}", holder.issuer);
        assert!(holder.expires_at_ms > 0);
        // The authority's own certificate is nobody's.
        let ca = dir.path().join("client-ca.pem");
        let authority = Identity::from_files(&ca, &ca, &dir.path().join("client-ca.key"));
        assert!(authority.expect("PEM files").holder().is_err());
    }
}
