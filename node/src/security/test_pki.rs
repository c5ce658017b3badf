//! A throw-away authority for the tests of this module.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType,
};

/// An authority that signs whatever a test asks for.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(super) struct Holder {
    pub(super) certificate: rcgen::Certificate,
    pub(super) key: KeyPair,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these URIs and DNS names.
    pub(super) fn issue(&self, uris: &[&str], dns: &[&str]) -> Holder {
        self.issue_to(KeyPair::generate().expect("a key"), uris, dns)
    }

    /// The same for a key of another kind.
    pub(super) fn issue_to(&self, key: KeyPair, uris: &[&str], dns: &[&str]) -> Holder {
        let names: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("DNS names");
        for uri in uris {
            let uri = (*uri).try_into().expect("an ASCII URI");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Holder { certificate, key }
    }
}
