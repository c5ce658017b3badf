//! A cluster of this harness as `registryctl drill` wants it described.

use std::fmt::Write as _;
use std::path::Path;

use super::config::{line, quoted};
use super::plan::ClusterPlan;

/// Where a drill's probes may write: an account and its settlement bank.
pub type DrillAccount = (u64, u32);

/// The text of a target file in the cluster's folder. Its commands expect the links'
/// control socket and a process id per node there, as `demo cluster` leaves them.
#[must_use]
pub fn drill_target(
    plan: &ClusterPlan,
    layout: &str,
    rtt_ms: u64,
    accounts: &[DrillAccount],
    programs: &Programs<'_>,
) -> String {
    let mut out = String::new();
    line(&mut out, "name", &quoted("local"));
    line(&mut out, "layout", &quoted(layout));
    line(&mut out, "rtt_ms", &rtt_ms.to_string());
    line(&mut out, "pki", &quoted("pki"));
    line(&mut out, "operators", "[\"operator-1\", \"operator-2\"]");
    line(&mut out, "officer", &quoted("registry-officer-1"));
    out.push_str("accounts = [\n");
    for (account_id, bank_id) in accounts {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "    {{ account_id = {account_id}, bank_id = {bank_id} }},");
    }
    out.push_str("]\n\n[commands]\n");
    for (name, command) in programs.commands() {
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

/// What the commands of a target start.
#[derive(Clone, Copy, Debug)]
pub struct Programs<'a> {
    /// `registry-node`.
    pub node: &'a Path,
    /// `link-emulator`.
    pub links: &'a Path,
}

impl Programs<'_> {
    fn commands(&self) -> [(&'static str, String); 5] {
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
        [
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
        ]
    }
}

fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
