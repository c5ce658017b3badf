//! What a node signs, `registry-client` verifies; nothing else passes.

use std::fs;
use std::path::Path;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use registry_client::signed::{PeerAuthority, SignedError, verify};
use tempfile::TempDir;

use super::*;
use crate::security::test_pki::Authority;

const PURPOSE: &str = "test-document";

/// A node's files, and the authority's beside them.
struct Node {
    folder: TempDir,
    tls: TlsConfig,
}

impl Node {
    fn new(authority: &Authority, uri: &str, key: KeyPair) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let holder = authority.issue_to(key, &[uri], &["node-11.carbon-registry"]);
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let peer_cert = file("peer.pem", holder.certificate.pem());
        let peer_key = file("peer.key", holder.key.serialize_pem());
        let peer_ca = file("peer-ca.pem", authority.pem());
        let tls = TlsConfig {
            client_ca: peer_ca.clone(),
            client_cert: peer_cert.clone(),
            client_key: peer_key.clone(),
            peer_ca,
            peer_cert,
            peer_key,
        };
        Self { folder, tls }
    }

    fn authority(&self) -> PeerAuthority {
        PeerAuthority::from_file(&self.folder.path().join("peer-ca.pem")).expect("an authority")
    }

    fn sign(&self) -> SignedDocument {
        sign(&self.tls, PURPOSE, b"content".to_vec()).expect("signed")
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

#[test]
fn a_key_of_every_kind_that_nodes_have_signs_and_is_verified() {
    let authority = Authority::new();
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let key = KeyPair::generate_for(kind).expect("a key");
        let node = Node::new(&authority, "spiffe://carbon-registry/node/11", key);
        let signer = verify(&node.sign(), PURPOSE, &node.authority());
        assert_eq!(signer.map(|signer| signer.node_id), Ok(11), "{kind:?}");
    }
}

#[test]
fn whatever_is_changed_in_a_document_shows() {
    let node = Node::new(&Authority::new(), "spiffe://carbon-registry/node/11", key());
    let document = node.sign();
    let refused = |changed: &SignedDocument| {
        verify(changed, PURPOSE, &node.authority()).expect_err("changed")
    };
    let content = SignedDocument { content: b"contenT".to_vec().into(), ..document.clone() };
    assert_eq!(refused(&content), SignedError::Signature);
    let later = SignedDocument { signed_at_ms: document.signed_at_ms + 1, ..document.clone() };
    assert_eq!(refused(&later), SignedError::Signature);
    let scheme = SignedDocument { scheme: 0x0807, ..document.clone() };
    assert_eq!(refused(&scheme), SignedError::Signature);
    let nobody = SignedDocument { certificates: Vec::new(), ..document.clone() };
    assert!(matches!(refused(&nobody), SignedError::Certificate(_)));
    // A signature for one purpose is none for another, whatever the document says.
    let other = SignedDocument { purpose: "other".to_owned(), ..document };
    assert!(matches!(refused(&other), SignedError::Purpose { .. }));
    let renamed = verify(&other, "other", &node.authority());
    assert_eq!(renamed, Err(SignedError::Signature));
}

#[test]
fn only_nodes_of_the_authority_sign() {
    let (authority, uri) = (Authority::new(), "spiffe://carbon-registry/node/11");
    let elsewhere = Node::new(&Authority::new(), uri, key());
    let here = Node::new(&authority, uri, key());
    let told = verify(&elsewhere.sign(), PURPOSE, &here.authority()).expect_err("not ours");
    assert!(matches!(told, SignedError::Certificate(_)), "{told}");
    let firm = Node::new(&authority, "spiffe://carbon-registry/firm/11", key());
    let told = verify(&firm.sign(), PURPOSE, &here.authority()).expect_err("a firm");
    assert!(told.to_string().contains("firm/11"), "{told}");
    let authority = PeerAuthority::from_file(Path::new("/nowhere/ca.pem"));
    assert!(matches!(authority, Err(SignedError::Authority { .. })), "{authority:?}");
}

#[test]
fn a_key_that_cannot_be_used_is_named() {
    let node = Node::new(&Authority::new(), "spiffe://carbon-registry/node/11", key());
    fs::write(&node.tls.peer_key, "no key").expect("written");
    let refused = sign(&node.tls, PURPOSE, Vec::new()).expect_err("no key");
    assert!(refused.to_string().contains("peer.key"), "{refused}");
}
