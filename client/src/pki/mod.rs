//! Development authorities: two CAs, a certificate pair per node, one per user.
//!
//! ```text
//! client-ca.{pem,key}  peer-ca.{pem,key}
//! nodes/<node-name>/{client,peer}.{pem,key}
//! users/<role>-<name>.{pem,key}
//! ```
//!
//! For development and tests. A production registry brings its own
//! authorities, whose certificates only need the same names.

mod issue;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use issue::{Authority, Usage};

/// Banks that [`Layout::dual_city`] makes users for: interbank codes of the
/// sample day's settlement banks.
pub const SAMPLE_BANKS: [u32; 8] = [102, 103, 104, 105, 301, 302, 308, 310];

/// Platform that [`Layout::dual_city`] makes a user for.
pub const SAMPLE_PLATFORM: &str = "sh-carbon";

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// Nothing is ever overwritten: a new key under an old name would be mistaken for it.
    #[error("{} exists already; choose another folder or name", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A name that would not be one part of a file name and of a URI.
    #[error("name {0:?} must be 1 to 40 characters of [a-z0-9-]")]
    Name(String),
    /// Nodes refuse such a name: it would not compare with the registry's number.
    #[error("name {name:?}: a {role} is named by its number, such as 17, without leading zeros")]
    Number {
        /// As in the certificate.
        role: &'static str,
        /// The name.
        name: String,
    },
    /// Making or reading a key or certificate failed.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// What a user may be. Nodes have certificates of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends trades and confirms clearing.
    Exchange,
    /// Registry officer.
    Registry,
    /// Settlement bank; the name is its bank id.
    Bank,
    /// Holder of an account; the name is its account id.
    Firm,
    /// Runs the cluster.
    Operator,
    /// Reads everything.
    Auditor,
    /// Provincial authority; the name is its administrative division code.
    Province,
    /// Inclusive platform (碳普惠平台); credits its persons.
    Platform,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Exchange,
        Self::Registry,
        Self::Bank,
        Self::Firm,
        Self::Operator,
        Self::Auditor,
        Self::Province,
        Self::Platform,
    ];

    /// Whether names of the role are numbers of the registry.
    fn is_numbered(self) -> bool {
        matches!(self, Self::Bank | Self::Firm | Self::Province)
    }

    /// The role as it stands in the certificate's URI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
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
}

/// Who gets a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Id and name of each node.
    pub nodes: Vec<(u64, String)>,
    /// Role and name of each user.
    pub users: Vec<(Role, String)>,
}

impl Layout {
    /// Three nodes in each city, the exchange, two registry officers, two
    /// operators, an auditor, an inclusive platform and eight settlement banks.
    #[must_use]
    pub fn dual_city() -> Self {
        let node = |id: u64, name: &str| (id, name.to_owned());
        let mut users = vec![
            (Role::Exchange, "sh".to_owned()),
            (Role::Registry, "officer-1".to_owned()),
            (Role::Registry, "officer-2".to_owned()),
            (Role::Operator, "1".to_owned()),
            (Role::Operator, "2".to_owned()),
            (Role::Auditor, "1".to_owned()),
            (Role::Platform, SAMPLE_PLATFORM.to_owned()),
        ];
        users.extend(SAMPLE_BANKS.map(|bank| (Role::Bank, bank.to_string())));
        Self {
            nodes: vec![
                node(11, "sh-1"),
                node(12, "sh-2"),
                node(13, "sh-3"),
                node(21, "wh-1"),
                node(22, "wh-2"),
                node(23, "wh-3"),
            ],
            users,
        }
    }
}

/// Makes both authorities and all certificates of a layout.
///
/// # Errors
/// `Exists` if `dir` holds an authority already; nothing is changed then.
pub fn init(dir: &Path, layout: &Layout) -> Result<(), PkiError> {
    for name in ["client-ca", "peer-ca"] {
        for path in [dir.join(format!("{name}.pem")), dir.join(format!("{name}.key"))] {
            if path.exists() {
                return Err(PkiError::Exists(path));
            }
        }
    }
    let client_ca = Authority::create("carbon-registry client CA")?;
    let peer_ca = Authority::create("carbon-registry peer CA")?;
    write_pair(dir, "client-ca", &client_ca.cert_pem, &client_ca.key_pem())?;
    write_pair(dir, "peer-ca", &peer_ca.cert_pem, &peer_ca.key_pem())?;
    for (id, name) in &layout.nodes {
        write_node(dir, &client_ca, &peer_ca, *id, name)?;
    }
    for (role, name) in &layout.users {
        write_user(dir, &client_ca, *role, name)?;
    }
    Ok(())
}

/// Adds a user to a folder made by [`init`].
///
/// # Errors
/// `Exists` if the user has a certificate; `File` if `dir` holds no authority.
pub fn issue_user(dir: &Path, role: Role, name: &str) -> Result<PathBuf, PkiError> {
    let client_ca = Authority::load(dir, "client-ca", "carbon-registry client CA")?;
    write_user(dir, &client_ca, role, name)
}

/// Adds a node to a folder made by [`init`]. Ids are never used twice.
///
/// # Errors
/// `Exists` if a node of this name has certificates; `File` if `dir` holds no authority.
pub fn issue_node(dir: &Path, id: u64, name: &str) -> Result<PathBuf, PkiError> {
    let client_ca = Authority::load(dir, "client-ca", "carbon-registry client CA")?;
    let peer_ca = Authority::load(dir, "peer-ca", "carbon-registry peer CA")?;
    write_node(dir, &client_ca, &peer_ca, id, name)
}

fn write_node(
    dir: &Path,
    client_ca: &Authority,
    peer_ca: &Authority,
    id: u64,
    name: &str,
) -> Result<PathBuf, PkiError> {
    let folder = dir.join("nodes").join(checked(name)?);
    if id == 0 {
        return Err(PkiError::Number { role: "node", name: id.to_string() });
    }
    let uri = spiffe("node", &id.to_string());
    let on_client_port =
        client_ca.sign(name, &uri, Some(crate::SERVER_NAME), Usage::ServerAndClient)?;
    let peer_name = format!("node-{id}.carbon-registry");
    let on_peer_port = peer_ca.sign(name, &uri, Some(&peer_name), Usage::ServerAndClient)?;
    write_pair(&folder, "client", &on_client_port.cert_pem, &on_client_port.key_pem)?;
    write_pair(&folder, "peer", &on_peer_port.cert_pem, &on_peer_port.key_pem)?;
    Ok(folder)
}

fn write_user(
    dir: &Path,
    client_ca: &Authority,
    role: Role,
    name: &str,
) -> Result<PathBuf, PkiError> {
    if role.is_numbered() && !is_number(name) {
        return Err(PkiError::Number { role: role.as_str(), name: name.to_owned() });
    }
    let user = format!("{}-{}", role.as_str(), checked(name)?);
    let pair = client_ca.sign(&user, &spiffe(role.as_str(), name), None, Usage::Client)?;
    write_pair(&dir.join("users"), &user, &pair.cert_pem, &pair.key_pem)?;
    Ok(dir.join("users").join(format!("{user}.pem")))
}

/// A number greater than 0 as it is written.
fn is_number(name: &str) -> bool {
    name.parse::<u64>().is_ok_and(|number| number > 0 && number.to_string() == name)
}

fn spiffe(role: &str, name: &str) -> String {
    format!("spiffe://carbon-registry/{role}/{name}")
}

fn checked(name: &str) -> Result<&str, PkiError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=40).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(name)
    } else {
        Err(PkiError::Name(name.to_owned()))
    }
}

fn write_pair(folder: &Path, stem: &str, cert_pem: &str, key_pem: &str) -> Result<(), PkiError> {
    fs::create_dir_all(folder)
        .map_err(|cause| PkiError::File { path: folder.to_owned(), cause })?;
    write_new(&folder.join(format!("{stem}.key")), key_pem, 0o600)?;
    write_new(&folder.join(format!("{stem}.pem")), cert_pem, 0o644)
}

/// The mode is set when the file is made, so a key is never readable by others.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => PkiError::Exists(path.to_owned()),
        _ => PkiError::File { path: path.to_owned(), cause },
    })
}
