//! Clusters of real `registry-node` processes.

mod command_line;
mod config;
mod drill_target;
mod links;
mod plan;
mod ports;
mod process;
mod procfs;
mod running;
mod served_copy;
mod spare;
mod states;

pub use config::{
    Dial, LimitsSection, LogSection, Member, NodeConfig, NodeSection, RaftSection, TlsSection,
};
pub use drill_target::DrillTarget;
pub use links::{link_control, start_links};
pub use plan::{ClusterPlan, Layout, repository_root};
pub use process::{Managed, find_binary, signal, tail};
pub use procfs::{ProcessUsage, command_line, machine_busy_us};
pub use running::Cluster;
pub use served_copy::ServedCopy;
pub use states::HeldState;
