//! The demonstration shows all of its acts, on any published day.

use registry_chaos_tests::cluster::find_binary;
use registry_chaos_tests::scratch;
use tokio::process::Command;

/// The dearest day, and the cheapest with few firms: prices and quantities of every
/// act must follow from the day.
const RUNS: [&[&str]; 2] = [&["--day", "2021-07-21"], &["--day", "2021-09-30", "--firms", "60"]];

#[tokio::test]
async fn every_act_is_shown_whatever_the_day() -> anyhow::Result<()> {
    for (number, options) in RUNS.into_iter().enumerate() {
        let done = Command::new(find_binary("demo", "REGISTRY_DEMO_BIN")?)
            .args(options)
            .args(["--rtt-ms", "2", "--free-ports", "--work-dir"])
            .arg(scratch::folder(&format!("demo-{number}"))?)
            .output()
            .await?;
        let shown = String::from_utf8_lossy(&done.stdout);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{options:?}: {shown}{told}");
        for part in [
            "INSUFFICIENT_HOLDING",
            "a margin call",
            "the bank releases all of it",
            "every firm surrenders",
            "add up to every holding, balance and obligation",
        ] {
            assert!(shown.contains(part), "{options:?} lack {part:?}: {shown}");
        }
    }
    Ok(())
}
