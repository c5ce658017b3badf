//! TLS failures that no waiting heals.

use std::error::Error as StdError;

use rustls::{AlertDescription, Error as TlsError};
use tonic::Status;

/// Alerts by which a node says that it does not take our certificate, or that
/// both sides have no way to talk.
const LASTING_ALERTS: [AlertDescription; 12] = [
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::DecryptError,
    AlertDescription::HandshakeFailure,
    AlertDescription::ProtocolVersion,
    AlertDescription::CertificateRequired,
];

/// Whether the status comes from certificates that do not fit: of the node, or
/// ours in the eyes of the node. The handshake did not end well for either side,
/// so no request was taken. `told` is everything that is known about the status.
pub(crate) fn is_lasting(status: &Status, told: &str) -> bool {
    let mut source = StdError::source(status);
    while let Some(error) = source {
        if tls_error(error).is_some_and(lasts) {
            return true;
        }
        source = error.source();
    }
    // In TLS 1.3 a node refuses our certificate after our side is done; HTTP/2
    // then keeps the alert's text only.
    LASTING_ALERTS.iter().any(|alert| told.contains(&TlsError::AlertReceived(*alert).to_string()))
}

fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e TlsError> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    // An `io::Error` hides what it wraps from `source`.
    let wrapped = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    tls_error(wrapped)
}

fn lasts(error: &TlsError) -> bool {
    match error {
        TlsError::InvalidCertificate(_)
        | TlsError::NoCertificatesPresented
        | TlsError::UnsupportedNameType
        | TlsError::PeerIncompatible(_) => true,
        TlsError::AlertReceived(alert) => LASTING_ALERTS.contains(alert),
        _ => false,
    }
}
