//! Compiles the protos without protoc and keeps their descriptors for reflection.

use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const PROTOS: &[&str] = &[
    "registry/v1/account.proto",
    "registry/v1/backup.proto",
    "registry/v1/cash.proto",
    "registry/v1/cluster.proto",
    "registry/v1/compliance.proto",
    "registry/v1/control.proto",
    "registry/v1/event.proto",
    "registry/v1/inclusive.proto",
    "registry/v1/instrument.proto",
    "registry/v1/pledge.proto",
    "registry/v1/price.proto",
    "registry/v1/query.proto",
    "registry/v1/recovery.proto",
    "registry/v1/repo.proto",
    "registry/v1/settlement.proto",
    "registry/v1/signed.proto",
    "peer/v1/raft.proto",
    "storage/v1/log.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for folder in ["registry", "peer", "storage"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    let descriptors = protox::compile(PROTOS, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Payload bytes stay slices of the buffer they arrived in.
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
