//! The log behind a backup, in files: every committed entry as it lies in the
//! nodes' logs, each with a hash over it and all before it. `docs/formats.md`.

mod reader;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{ArchiveReport, EntryId, verify_archive};
pub use writer::ArchiveWriter;
