//! `pki`: development certificates.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use registry_client::pki::{self, Layout, Role};

use crate::exit::Usage;
use crate::output::{Page, Record};

/// Development certificates; never for production.
#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Make both authorities, all nodes' and users' certificates.
    Init(Init),
    /// Add one user's or node's certificate.
    Issue(Issue),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder to make.
    #[arg(long)]
    out: PathBuf,
    /// A node as ID:NAME, e.g. 11:sh-1; repeat for each. Default: six nodes of two cities.
    #[arg(long = "node", value_parser = node)]
    nodes: Vec<(u64, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// Folder made by `pki init`.
    #[arg(long)]
    dir: PathBuf,
    /// What the holder is.
    #[arg(long, value_enum)]
    role: IssueRole,
    /// The holder's name: a bank's id, a firm's account id, a province's code,
    /// a platform's or a node's name.
    #[arg(long)]
    name: String,
    /// A node's id, never used before.
    #[arg(long, required_if_eq("role", "node"))]
    id: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum IssueRole {
    Exchange,
    Registry,
    Bank,
    Firm,
    Operator,
    Auditor,
    Province,
    Platform,
    Node,
}

impl IssueRole {
    fn user(self) -> Option<Role> {
        match self {
            Self::Exchange => Some(Role::Exchange),
            Self::Registry => Some(Role::Registry),
            Self::Bank => Some(Role::Bank),
            Self::Firm => Some(Role::Firm),
            Self::Operator => Some(Role::Operator),
            Self::Auditor => Some(Role::Auditor),
            Self::Province => Some(Role::Province),
            Self::Platform => Some(Role::Platform),
            Self::Node => None,
        }
    }
}

fn node(text: &str) -> Result<(u64, String), String> {
    let (id, name) = text.split_once(':').ok_or("must be ID:NAME, e.g. 11:sh-1")?;
    let id = id.parse().map_err(|_| format!("node id {id:?} is not a number"))?;
    Ok((id, name.to_owned()))
}

impl PkiCommand {
    pub(crate) fn run(&self) -> Result<Page> {
        match self {
            Self::Init(init) => init.run(),
            Self::Issue(issue) => issue.run(),
        }
    }
}

impl Init {
    fn run(&self) -> Result<Page> {
        let mut layout = Layout::dual_city();
        if !self.nodes.is_empty() {
            layout.nodes.clone_from(&self.nodes);
        }
        pki::init(&self.out, &layout)?;
        let nodes = layout.nodes.iter().map(|(id, name)| {
            let folder = self.out.join("nodes").join(name);
            Record::default()
                .with("node_id", *id)
                .with("node_name", name.as_str())
                .with("folder", folder.display().to_string())
        });
        let users = layout.users.iter().map(|(role, name)| {
            let user = format!("{}-{name}", role.as_str());
            Record::default()
                .with("role", role.as_str())
                .with("name", name.as_str())
                .with("identity", self.out.join(user).display().to_string())
        });
        Ok(Page::default()
            .one(Record::default().with("pki", self.out.display().to_string()))
            .many("nodes", nodes.collect())
            .many("users", users.collect()))
    }
}

impl Issue {
    fn run(&self) -> Result<Page> {
        let path = match (self.role.user(), self.id) {
            (Some(role), _) => pki::issue_user(&self.dir, role, &self.name)?,
            (None, Some(id)) => pki::issue_node(&self.dir, id, &self.name)?,
            (None, None) => bail!(Usage("a node needs --id".to_owned())),
        };
        Ok(Page::default().one(Record::default().with("issued", path.display().to_string())))
    }
}
