//! Signing: one authority, certificates with exactly one URI name each.

use std::fs;
use std::path::Path;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

use super::PkiError;

const CA_DAYS: i64 = 3_650;
const LEAF_DAYS: i64 = 825;

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) cert_pem: String,
}

pub(super) struct Pair {
    pub(super) cert_pem: String,
    pub(super) key_pem: String,
}

#[derive(Clone, Copy)]
pub(super) enum Usage {
    Client,
    ServerAndClient,
}

impl Authority {
    pub(super) fn create(name: &str) -> Result<Self, PkiError> {
        let key = KeyPair::generate()?;
        let params = authority_params(name);
        let cert_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), cert_pem })
    }

    /// The name is the caller's constant and the key identifier follows from
    /// the key, so the certificate itself need not be parsed to sign again.
    pub(super) fn load(dir: &Path, stem: &str, name: &str) -> Result<Self, PkiError> {
        let read = |extension: &str| {
            let path = dir.join(format!("{stem}.{extension}"));
            fs::read_to_string(&path).map_err(|cause| PkiError::File { path, cause })
        };
        let key = KeyPair::from_pem(&read("key")?)?;
        Ok(Self { issuer: Issuer::new(authority_params(name), key), cert_pem: read("pem")? })
    }

    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    pub(super) fn sign(
        &self,
        common_name: &str,
        uri: &str,
        dns_name: Option<&str>,
        usage: Usage,
    ) -> Result<Pair, PkiError> {
        let mut params = params(common_name, LEAF_DAYS);
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(uri)?)];
        if let Some(dns_name) = dns_name {
            params.subject_alt_names.push(SanType::DnsName(Ia5String::try_from(dns_name)?));
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match usage {
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::ServerAndClient => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
        };
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let cert_pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair { cert_pem, key_pem: key.serialize_pem() })
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name, CA_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(common_name: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = OffsetDateTime::now_utc();
    // Another machine's clock may run behind.
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(days);
    params
}
