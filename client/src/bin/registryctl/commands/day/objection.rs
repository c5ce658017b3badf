//! Objections to statements.

use anyhow::Result;
use clap::{Args, Subcommand};
use registry_client::proto::{RaiseObjectionRequest, ResolveObjectionRequest};

use crate::args::Global;
use crate::output::Page;
use crate::views::day;

/// Objections to statements.
#[derive(Debug, Subcommand)]
pub(crate) enum ObjectionCommand {
    /// Record an entity's objection (registry).
    Raise(Letter),
    /// Answer an objection (registry).
    Resolve(Letter),
}

#[derive(Debug, Args)]
pub(crate) struct Letter {
    /// YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// Whose.
    #[arg(long)]
    account: u64,
    /// The objection or its answer, 1 to 1000 bytes.
    #[arg(long)]
    text: String,
}

impl ObjectionCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        let registry = global.registry()?;
        let reply = match self {
            Self::Raise(letter) => {
                let request = RaiseObjectionRequest {
                    request_id: global.write_id(),
                    date: letter.date.clone(),
                    account_id: letter.account,
                    text: letter.text.clone(),
                };
                registry.raise_objection(request).await?
            }
            Self::Resolve(letter) => {
                let request = ResolveObjectionRequest {
                    request_id: global.write_id(),
                    date: letter.date.clone(),
                    account_id: letter.account,
                    resolution: letter.text.clone(),
                };
                registry.resolve_objection(request).await?
            }
        };
        Ok(day::day_page(&reply))
    }
}
