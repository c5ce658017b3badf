//! Drills, as an operator types them: on a cluster of their own and on a named one.
//! What they measured is in their reports, and a changed report is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, ensure};
use registry_chaos_tests::cluster::find_binary;
use registry_chaos_tests::scratch;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;

/// Drills measure: two at once would take each other's processors.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

fn demo() -> anyhow::Result<PathBuf> {
    find_binary("demo", "REGISTRY_DEMO_BIN")
}

async fn registryctl(arguments: &[&str], reports: &Path) -> anyhow::Result<Output> {
    let done = Command::new(find_binary("registryctl", "REGISTRYCTL_BIN")?)
        .args(["--output", "json", "drill"])
        .args(arguments)
        .arg("--reports")
        .arg(reports)
        .env("REGISTRY_DEMO_BIN", demo()?)
        .output();
    Ok(done.await?)
}

fn told(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

async fn passed(arguments: &[&str], reports: &Path) -> anyhow::Result<Value> {
    let done = registryctl(arguments, reports).await?;
    ensure!(done.status.success(), "{arguments:?}: {}", told(&done));
    Ok(serde_json::from_slice(&done.stdout)?)
}

async fn refused(arguments: &[&str], reports: &Path, why: &str) -> anyhow::Result<()> {
    let done = registryctl(arguments, reports).await?;
    ensure!(!done.status.success(), "{arguments:?} was not refused");
    ensure!(told(&done).contains(why), "{arguments:?} lacks {why:?}: {}", told(&done));
    Ok(())
}

/// The whole report of the only drill of a summary.
fn report(reports: &Path) -> anyhow::Result<Value> {
    let files = fs::read_dir(reports)?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_whole = |path: &PathBuf| {
        path.extension().is_some_and(|of| of == "json")
            && path.file_name().is_some_and(|name| name != "report.json")
    };
    let mut whole: Vec<PathBuf> = files.filter(is_whole).collect();
    whole.sort();
    let path = whole.pop().context("no report")?;
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

#[tokio::test]
async fn a_city_is_lost_and_comes_back_on_a_cluster_of_the_drill_s_own() -> anyhow::Result<()> {
    let _alone = ONE_AT_A_TIME.lock().await;
    let reports = scratch::folder("drill-own")?;
    // Left by an earlier run of this test; the chain would go on.
    if reports.exists() {
        fs::remove_dir_all(&reports)?;
    }
    let page = passed(&["city-loss", "--layout", "dual-city", "--runs", "1"], &reports).await?;
    let newest = page["newest_sha256"].as_str().context("a hash")?.to_owned();

    let summary: Value = serde_json::from_slice(&fs::read(reports.join("report.json"))?)?;
    let drill = &summary["drills"][0];
    assert_eq!((&drill["name"], &drill["layout"]), (&"city-loss".into(), &"dual-city".into()));
    assert_eq!((&drill["rtt_ms"], &drill["runs"]), (&12.into(), &1.into()));
    assert!(drill["rto_ms_p99"].as_u64().is_some_and(|ms| ms > 0 && ms < 30_000), "{drill}");
    for none in ["rpo_entries", "acknowledged_lost", "split_brain_writes"] {
        assert_eq!(drill[none], 0, "{drill}");
    }
    assert_eq!(drill["passed"], true);

    let whole = report(&reports)?;
    let events: Vec<&Value> =
        whole["measures"].as_array().context("measures")?.iter().map(|of| &of["event"]).collect();
    assert_eq!(events, ["city-loss", "failback"]);
    assert!(whole["acknowledged"].as_u64() > Some(0) && whole["contested"].as_u64() > Some(0));
    let digests = whole["sessions"][0]["digests"].as_array().context("digests")?;
    assert_eq!(digests.len(), 6, "three survivors and three new nodes: {digests:?}");

    passed(&["verify", "--newest", &newest], &reports).await?;
    refused(&["verify", "--newest", "00"], &reports, "not 00").await?;
    let html = page["drills"][0]["report"].as_str().context("a page")?;
    let drawn = fs::read_to_string(html)?;
    assert!(drawn.contains("<svg") && drawn.contains("recovered in epoch 1"));
    fs::write(html, drawn.replace("passed", "failed"))?;
    refused(&["verify"], &reports, "was changed").await?;
    refused(&["switchover"], &reports, "was changed").await
}

/// Ended at the latest when it is dropped.
struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        let Ok(demo) = demo() else { return };
        let mut stop = std::process::Command::new(demo);
        stop.args(["stop", "--work-dir"]).arg(&self.0);
        // What cannot be stopped now is shown by the next run, which refuses.
        let _ = stop.output();
    }
}

#[tokio::test]
async fn a_named_cluster_is_drilled_only_after_its_name_was_given() -> anyhow::Result<()> {
    let _alone = ONE_AT_A_TIME.lock().await;
    let folder = scratch::folder("drill-target")?;
    let reports = scratch::folder("drill-target-reports")?;
    if reports.exists() {
        fs::remove_dir_all(&reports)?;
    }
    let kept = Kept(folder.clone());
    let started = Command::new(demo()?)
        .args(["cluster", "--layout", "witnessed", "--rtt-ms", "4", "--work-dir"])
        .arg(&folder)
        .output()
        .await?;
    ensure!(started.status.success(), "{}", told(&started));
    let target = folder.join("drill-target.toml").display().to_string();

    let drill = ["leader-kill", "--runs", "2", "--target", &target];
    refused(&drill, &reports, "--confirm").await?;
    refused(&[&drill[..], &["--confirm", "other"]].concat(), &reports, "nothing was done").await?;
    refused(&["leader-kill", "--target", "no-such-file"], &reports, "no such file").await?;
    let named = [&drill[..], &["--confirm", "local"]].concat();
    let page = passed(&named, &reports).await?;
    let (of, drills) = (&page["drills"][0], page["drills"].as_array().map(Vec::len));
    assert_eq!((&of["layout"], &of["runs"], drills), (&"witnessed".into(), &2.into(), Some(1)));

    // A command that fails ends the drill, and the report says so.
    let text = fs::read_to_string(&target)?;
    let broken = folder.join("broken.toml");
    fs::write(&broken, text.replace("kill = \"kill -KILL", "kill = \"exit 3; kill -KILL"))?;
    let broken = broken.display().to_string();
    let drill = ["leader-kill", "--target", &broken, "--confirm", "local", "--runs", "1"];
    refused(&drill, &reports, "exit status: 3").await?;
    let whole = report(&reports)?;
    assert_eq!(whole["passed"], false);
    assert!(whole["failures"].to_string().contains("the target's command"), "{whole}");
    passed(&["verify"], &reports).await?;
    drop(kept);
    Ok(())
}
