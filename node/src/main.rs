//! `registry-node`: reads the configuration and runs one member until told to stop.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use registry_ledger::RULES_KNOWN;
use registry_node::{Config, LogFormat, RestoreOrder, needs_other_version};
use tracing_subscriber::EnvFilter;

/// One member of the two-city carbon registry.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// The node's TOML file; REGISTRY__SECTION__KEY in the environment overrides it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Serve a copy of a data folder, or of a snapshot, to be read: no part in any
    /// cluster, no writes, not a byte of the folder changes.
    #[arg(long, value_name = "FOLDER")]
    serve_copy: Option<PathBuf>,
    /// Serve the copy although its records are not those that were written, so
    /// that an audit can name them.
    #[arg(long, requires = "serve_copy")]
    despite_damage: bool,
    /// Make this node's data folder of a backup of another cluster, say on standard
    /// output what was made or why not, as JSON, and end: `registryctl backup restore`.
    #[arg(long, value_name = "FOLDER", requires = "peer_ca", conflicts_with = "serve_copy")]
    restore: Option<PathBuf>,
    /// PEM file of the peer authority whose nodes sign that cluster's backups.
    #[arg(long, value_name = "FILE", requires = "restore")]
    peer_ca: Option<PathBuf>,
    /// Archive of the log behind the backup.
    #[arg(long, value_name = "FOLDER", requires = "restore")]
    archive: Option<PathBuf>,
    /// The last log entry to restore; the last there is without.
    #[arg(long, value_name = "N", requires = "restore")]
    to_position: Option<u64>,
    /// Rehearse an upgrade: apply no rules of the ledger after this version, as an
    /// earlier program would. The node stops when a later version is put in force.
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(1..=i64::from(RULES_KNOWN)))]
    rules_up_to: Option<u32>,
    /// Rehearse a wrong clock: this node's is put forward by so much.
    #[arg(long, value_name = "MS", default_value_t = 0, hide_default_value = true)]
    clock_offset_ms: i64,
}

/// Decoded requests and answers come and go by the thousand; the system's
/// allocator gives their memory back to the kernel and asks for it again.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit code for a configuration that cannot be used.
const BAD_CONFIGURATION: u8 = 2;
/// Exit code for data, or rules, of another version of this program.
const OTHER_VERSION: u8 = 3;

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("registry-node: {error}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    if let (Some(backup), Some(peer_ca)) = (args.restore, args.peer_ca) {
        let (archive, to_position) = (args.archive, args.to_position);
        return restore(&config, &RestoreOrder { backup, peer_ca, archive, to_position });
    }
    start_logging(&config);
    let mut config = config;
    if let Some(rules) = args.rules_up_to {
        tracing::warn!(rules, known = RULES_KNOWN, "a rehearsal: later rules are not applied here");
        config.rules_known = rules;
    }
    if args.clock_offset_ms != 0 {
        tracing::warn!(offset_ms = args.clock_offset_ms, "a rehearsal: the clock is put forward");
        config.clock_offset_ms = args.clock_offset_ms;
    }
    let ended = match &args.serve_copy {
        Some(folder) => registry_node::serve_copy(config, folder, args.despite_damage),
        None => registry_node::run(config),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", in_full(&error));
            match needs_other_version(&error) {
                true => ExitCode::from(OTHER_VERSION),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// One JSON object, whatever the outcome.
fn restore(config: &Config, order: &RestoreOrder) -> ExitCode {
    let (told, code) = match registry_node::restore(config, order) {
        Ok(report) => (serde_json::json!({ "restored": report }), ExitCode::SUCCESS),
        Err(refused) => {
            let refused = serde_json::json!({
                "reason": refused.reason(),
                "message": refused.to_string(),
            });
            (serde_json::json!({ "refused": refused }), ExitCode::FAILURE)
        }
    };
    match writeln!(std::io::stdout(), "{told:#}") {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Colours are for terminals, and not for everybody: no-color.org.
fn may_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && std::io::stderr().is_terminal()
}

/// The error with its causes; what an error says of its own cause is not said twice.
fn in_full(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

fn start_logging(config: &Config) {
    // The level was checked with the rest of the configuration.
    // The consensus library reports each stream that opens; the node says what matters.
    let filter = EnvFilter::new(format!("openraft=warn,{}", config.log.level));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(may_colour())
        .with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

#[cfg(test)]
mod tests {
    use super::in_full;

    #[test]
    fn no_cause_is_told_twice() {
        let cause = || std::io::Error::other("no such file");
        let outer = anyhow::Error::new(cause()).context("cannot read a.pem: no such file");
        assert_eq!(in_full(&outer), "cannot read a.pem: no such file");
        assert_eq!(in_full(&anyhow::Error::new(cause()).context("start")), "start: no such file");
    }
}
