//! Who is at the other end: read from the one `spiffe://` URI of the certificate.

use std::fmt;

use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Extensions, Request, Status};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::security::policy::Scope;
use crate::services::status;

/// Trust domain of every certificate of the registry.
const TRUST_DOMAIN: &str = "spiffe://carbon-registry/";

/// What a certificate's holder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// A member of the cluster; its name is its node id.
    Node,
    /// The exchange.
    Exchange,
    /// An officer of the registry.
    Registry,
    /// A settlement bank; its name is its bank id.
    Bank,
    /// An account holder; its name is its account id.
    Firm,
    /// Runs the cluster, sees no holdings.
    Operator,
    /// Reads everything, changes nothing.
    Auditor,
    /// A provincial authority; its name is its administrative division code.
    Province,
    /// An inclusive platform (碳普惠平台); credits its persons' grams.
    Platform,
}

/// A role with a name: one certificate holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) role: Role,
    pub(crate) name: String,
}

/// Who calls and how far the table lets them: put into every request by the gate.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// The RPC, as in the table.
    pub(crate) rpc: &'static str,
    pub(crate) scope: Scope,
}

/// Why a call is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessError {
    /// No certificate reached us, or not one that names exactly one role.
    #[error("{0}")]
    NoIdentity(&'static str),
    /// The role may not call this, or not for this account.
    #[error("{role} may not {what}")]
    NotAuthorised {
        /// As in the certificate.
        role: Role,
        /// The RPC's path without the leading slash.
        rpc: String,
        /// What was tried.
        what: String,
    },
}

impl Role {
    /// Every role, in the order of the access table.
    pub(crate) const ALL: [Self; 9] = [
        Self::Registry,
        Self::Exchange,
        Self::Bank,
        Self::Firm,
        Self::Operator,
        Self::Auditor,
        Self::Node,
        Self::Province,
        Self::Platform,
    ];

    /// The word in certificates and actors.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Exchange => "exchange",
            Self::Registry => "registry",
            Self::Bank => "bank",
            Self::Firm => "firm",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Province => "province",
            Self::Platform => "platform",
        }
    }

    /// Names of these roles are numbers, so that they compare with ids.
    fn has_numeric_name(self) -> bool {
        matches!(self, Self::Node | Self::Bank | Self::Firm | Self::Province)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Principal {
    /// `<role>/<name>`, as the log keeps it.
    pub(crate) fn actor(&self) -> String {
        format!("{}/{}", self.role, self.name)
    }

    /// The number that is the name of a node, bank, firm or province.
    pub(crate) fn id(&self) -> Option<u64> {
        self.role.has_numeric_name().then(|| self.name.parse().ok()).flatten()
    }

    /// Reads a DER certificate that the TLS handshake has verified.
    pub(crate) fn from_certificate(der: &[u8]) -> Result<Self, AccessError> {
        let refused = AccessError::NoIdentity;
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|_| refused("the client certificate does not parse"))?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| refused("the certificate's alternative names do not parse"))?
            .ok_or(refused("the certificate has no alternative name with a role"))?;
        let mut uris = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => Self::from_uri(uri),
            (None, _) => Err(refused("the certificate has no URI with a role")),
            // Two roles in one certificate would let its holder choose.
            (Some(_), Some(_)) => Err(refused("the certificate has more than one URI")),
        }
    }

    fn from_uri(uri: &str) -> Result<Self, AccessError> {
        let refused = AccessError::NoIdentity;
        let (role, name) =
            uri.strip_prefix(TRUST_DOMAIN).and_then(|path| path.split_once('/')).ok_or(refused(
                "the certificate's URI is not spiffe://carbon-registry/<role>/<name>",
            ))?;
        let role = Role::ALL
            .into_iter()
            .find(|known| known.as_str() == role)
            .ok_or(refused("the certificate's URI names an unknown role"))?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(refused(
                "the certificate's URI has a name that is not 1-64 of A-Z a-z 0-9 -",
            ));
        }
        let canonical_number = name.parse::<u64>().is_ok_and(|id| id > 0 && id.to_string() == name);
        if role.has_numeric_name() && !canonical_number {
            return Err(refused("a node, bank, firm or province is named by its id"));
        }
        Ok(Self { role, name: name.to_owned() })
    }

    /// The caller of a request, from its connection.
    pub(crate) fn from_connection(
        info: Option<&TlsConnectInfo<TcpConnectInfo>>,
    ) -> Result<Self, AccessError> {
        let refused = AccessError::NoIdentity;
        let certificates = info
            .and_then(TlsConnectInfo::peer_certs)
            .ok_or(refused("no client certificate on this connection"))?;
        let leaf =
            certificates.first().ok_or(refused("no client certificate on this connection"))?;
        Self::from_certificate(leaf)
    }
}

impl Caller {
    /// The caller of an RPC that asks for no account in particular. A caller
    /// whose right ends at its own account is refused: a handler that forgets
    /// to name the account denies.
    pub(crate) fn of(extensions: &Extensions) -> Result<Self, Status> {
        let caller = Self::any(extensions)?;
        match caller.scope {
            Scope::Own => Err(status::access(&caller.denied("do this beyond its own account"))),
            Scope::All | Scope::Names => Ok(caller),
        }
    }

    /// The caller of an RPC about one account.
    pub(crate) fn of_account(extensions: &Extensions, account_id: u64) -> Result<Self, Status> {
        let caller = Self::any(extensions)?;
        match caller.scope {
            Scope::Own if !caller.is(Role::Firm, account_id) => {
                Err(status::access(&caller.denied("act on an account other than its own")))
            }
            Scope::Own | Scope::All => Ok(caller),
            Scope::Names => Err(status::access(&caller.denied("read accounts"))),
        }
    }

    /// The caller of an RPC about one bank: a bank may ask for itself only.
    pub(crate) fn of_bank(extensions: &Extensions, bank_id: u32) -> Result<Self, Status> {
        let caller = Self::any(extensions)?;
        match caller.scope {
            Scope::Own if !caller.is(Role::Bank, bank_id.into()) => {
                Err(status::access(&caller.denied("act for a bank other than itself")))
            }
            Scope::Own | Scope::All => Ok(caller),
            Scope::Names => Err(status::access(&caller.denied("read what banks hold"))),
        }
    }

    /// The caller of an RPC whose parties are known once it was looked up: of a
    /// pledge ([`Caller::require_account`]), of a proposal.
    pub(crate) fn of_party(extensions: &Extensions) -> Result<Self, Status> {
        Self::any(extensions)
    }

    /// Refuses an operator what is not about the cluster, and everybody else what is.
    pub(crate) fn require_control_of_cluster(&self, about_cluster: bool) -> Result<(), Status> {
        match (self.principal.role == Role::Operator, about_cluster) {
            (true, true) | (false, false) => Ok(()),
            (true, false) => Err(status::access(&self.denied("decide what is not of the cluster"))),
            (false, true) => Err(status::access(&self.denied("decide about the cluster"))),
        }
    }

    /// Refuses a firm that the account is not of.
    pub(crate) fn require_account(&self, account_id: u64) -> Result<(), Status> {
        match self.scope {
            Scope::Own if !self.is(Role::Firm, account_id) => {
                Err(status::access(&self.denied("see what is not its own")))
            }
            Scope::Own | Scope::All | Scope::Names => Ok(()),
        }
    }

    /// Whether the caller may read the loan behind a pledge to that bank: another
    /// bank learns only what is pledged, to whom, and what it is worth.
    pub(crate) fn may_see_contract_of(&self, pledgee: u64) -> bool {
        self.principal.role != Role::Bank || self.is(Role::Bank, pledgee)
    }

    /// The caller of an RPC about an account at a bank: a bank names itself, a
    /// firm its account; 0 names none.
    pub(crate) fn of_account_at_bank(
        extensions: &Extensions,
        account_id: u64,
        bank_id: u32,
    ) -> Result<Self, Status> {
        match Self::any(extensions)?.principal.role {
            Role::Bank => Self::of_bank(extensions, bank_id),
            _ => Self::of_account(extensions, account_id),
        }
    }

    /// The caller of an RPC about one province: a province may ask for itself only.
    pub(crate) fn of_province(extensions: &Extensions, province: u32) -> Result<Self, Status> {
        let caller = Self::any(extensions)?;
        match caller.scope {
            Scope::Own if !caller.is(Role::Province, province.into()) => {
                Err(status::access(&caller.denied("act for a province other than itself")))
            }
            Scope::Own | Scope::All => Ok(caller),
            Scope::Names => Err(status::access(&caller.denied("read what provinces decide"))),
        }
    }

    /// The caller of an RPC about an account of a province: a province names
    /// itself, a firm its account; 0 names none.
    pub(crate) fn of_account_in_province(
        extensions: &Extensions,
        account_id: u64,
        province: u32,
    ) -> Result<Self, Status> {
        match Self::any(extensions)?.principal.role {
            Role::Province => Self::of_province(extensions, province),
            _ => Self::of_account(extensions, account_id),
        }
    }

    /// The caller of an RPC about one platform; empty names all of them.
    pub(crate) fn of_platform(extensions: &Extensions, name: &str) -> Result<Self, Status> {
        let caller = Self::any(extensions)?;
        let own = caller.principal.role == Role::Platform && caller.principal.name == name;
        match caller.scope {
            Scope::Own if !own => {
                Err(status::access(&caller.denied("act for a platform other than itself")))
            }
            Scope::Own | Scope::All => Ok(caller),
            Scope::Names => Err(status::access(&caller.denied("read what platforms credited"))),
        }
    }

    /// The caller of an RPC about a platform's vouchers at a bank: a bank names
    /// itself, a platform itself; 0 and nothing name none.
    pub(crate) fn of_platform_at_bank(
        extensions: &Extensions,
        platform: &str,
        bank_id: u32,
    ) -> Result<Self, Status> {
        match Self::any(extensions)?.principal.role {
            Role::Bank => Self::of_bank(extensions, bank_id),
            _ => Self::of_platform(extensions, platform),
        }
    }

    /// Whether this is the firm, the bank or the province with that number: they
    /// may have the same numbers.
    fn is(&self, role: Role, id: u64) -> bool {
        self.principal.role == role && self.principal.id() == Some(id)
    }

    fn any(extensions: &Extensions) -> Result<Self, Status> {
        extensions.get::<Self>().cloned().ok_or_else(|| {
            status::access(&AccessError::NoIdentity("the call did not pass the access table"))
        })
    }

    fn denied(&self, what: &str) -> AccessError {
        AccessError::NotAuthorised {
            role: self.principal.role,
            rpc: self.rpc.to_owned(),
            what: what.to_owned(),
        }
    }
}

/// Node id of the peer that sent this request, bound to its certificate.
pub(crate) fn peer_node_id<T>(request: &Request<T>) -> Result<u64, Status> {
    let principal = Principal::from_connection(request.extensions().get())
        .map_err(|error| status::access(&error))?;
    match (principal.role, principal.id()) {
        (Role::Node, Some(id)) => Ok(id),
        _ => Err(status::access(&AccessError::NotAuthorised {
            role: principal.role,
            rpc: "peer.v1.RaftService".to_owned(),
            what: "call the peer port".to_owned(),
        })),
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
