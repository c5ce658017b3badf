//! The registry's wire and log formats, generated from the `.proto` files.
//!
//! `registry.v1` is what clients speak, `peer.v1` what nodes speak to each
//! other, `storage.v1` what the replicated log holds.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod generated {
    pub mod registry {
        pub mod v1 {
            tonic::include_proto!("registry.v1");
        }
    }
    pub mod peer {
        pub mod v1 {
            tonic::include_proto!("peer.v1");
        }
    }
    pub mod storage {
        pub mod v1 {
            tonic::include_proto!("storage.v1");
        }
    }
}

pub use generated::peer::v1 as peer;
pub use generated::registry::v1 as registry;
pub use generated::storage::v1 as storage;

/// Encoded `FileDescriptorSet` of every proto, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
