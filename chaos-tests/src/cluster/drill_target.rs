//! A cluster of this harness as `registryctl drill` wants it described.

use std::fmt::Write as _;
use std::path::Path;

use super::config::{line, quoted};
use super::plan::ClusterPlan;

/// A cluster that drills may be done to. Its commands expect the links' control socket
/// and a process id per node in the cluster's folder, as `demo cluster` leaves them.
#[derive(Clone, Copy, Debug)]
pub struct DrillTarget<'a> {
    /// Typed by whoever drills on it.
    pub name: &'a str,
    /// `dual-city` or `witnessed`.
    pub layout: &'a str,
    /// Emulated.
    pub rtt_ms: u64,
    /// Accounts that probes may write to, each with its settlement bank.
    pub accounts: &'a [(u64, u32)],
    /// The program `registry-node`.
    pub node: &'a Path,
    /// The program `link-emulator`.
    pub links: &'a Path,
    /// The program `registryctl`.
    pub registryctl: &'a Path,
    /// Target file of a cluster that waits for a backup to be restored into it.
    pub restored: Option<&'a Path>,
    /// Peer authority of the cluster whose backups may be restored into this one.
    pub source_authority: Option<&'a Path>,
}

impl DrillTarget<'_> {
    /// The text of a target file in the cluster's folder.
    #[must_use]
    pub fn text(&self, plan: &ClusterPlan) -> String {
        let mut out = String::new();
        line(&mut out, "name", &quoted(self.name));
        line(&mut out, "layout", &quoted(self.layout));
        line(&mut out, "rtt_ms", &self.rtt_ms.to_string());
        line(&mut out, "pki", &quoted("pki"));
        line(&mut out, "operators", "[\"operator-1\", \"operator-2\"]");
        if let Some(restored) = self.restored {
            line(&mut out, "restored", &quoted(&restored.display().to_string()));
        }
        line(&mut out, "officer", &quoted("registry-officer-1"));
        out.push_str("accounts = [\n");
        for (account_id, bank_id) in self.accounts {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "    {{ account_id = {account_id}, bank_id = {bank_id} }},");
        }
        out.push_str("]\n\n[commands]\n");
        for (name, command) in self.commands() {
            line(&mut out, name, &quoted(&command));
        }
        for node in &plan.nodes {
            let own = &node.config.node;
            out.push_str("\n[[nodes]]\n");
            line(&mut out, "id", &own.id.to_string());
            line(&mut out, "name", &quoted(&own.name));
            line(&mut out, "city", &quoted(&own.city));
            line(&mut out, "endpoint", &quoted(&own.client_listen.to_string()));
            line(&mut out, "peer_address", &quoted(&own.peer_listen.to_string()));
            if node.spare {
                line(&mut out, "spare", "true");
            }
        }
        out
    }

    fn commands(&self) -> Vec<(&'static str, String)> {
        let pid = "pids/$NODE_NAME.pid";
        let send =
            |json: &str| format!("{} --control links.sock --send {json}", shell_quoted(self.links));
        let block = |from: &str, to: &str| {
            format!(
                "'{{\"shape\":{{\"from\":{from},\"to\":{to},\"shape\":{{\"blocked\":true}}}}}}'"
            )
        };
        // The variable stands outside the quotes.
        let city = "{\"city\":\"'\"$CITY\"'\"}";
        let mut commands = vec![
            ("kill", format!("kill -KILL $(cat {pid})")),
            (
                "stop",
                format!(
                    "pid=$(cat {pid}); kill -TERM $pid; \
                     while grep -q . /proc/$pid/cmdline 2>/dev/null; do sleep 0.02; done"
                ),
            ),
            (
                "start",
                format!(
                    "NO_COLOR=1 {} --config $NODE_NAME.toml >> logs/$NODE_NAME.log 2>&1 & \
                     echo $! > {pid}",
                    shell_quoted(self.node)
                ),
            ),
            (
                "isolate",
                format!("{} && {}", send(&block(city, "\"all\"")), send(&block("\"all\"", city))),
            ),
            ("heal", send("'{\"heal\":{\"one\":\"all\",\"other\":\"all\"}}'")),
        ];
        if let Some(authority) = self.source_authority {
            let restore = format!(
                "{} backup restore --from \"$BACKUP\" --archive \"$ARCHIVE\" --to-position \
                 $POSITION --peer-ca {} --node-config $NODE_NAME.toml --node-program {}",
                shell_quoted(self.registryctl),
                shell_quoted(authority),
                shell_quoted(self.node)
            );
            commands.push(("restore", restore));
        }
        commands
    }
}

fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
