//! Reports are kept one after the other: each names the hash of the one before, and
//! the file `chain.jsonl` lists them all.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use registry_client::hex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use super::html;
use super::report::{DrillReport, Line};
use crate::exit::{Advice, Place};

const CHAIN: &str = "chain.jsonl";
const SUMMARY: &str = "report.json";
/// Before the first report.
const NOTHING: &str = "";

/// A line of the chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Link {
    /// In the folder of the chain.
    file: String,
    sha256: String,
    html_sha256: String,
    previous_sha256: String,
}

/// A folder of reports.
pub(super) struct Shelf {
    folder: PathBuf,
    newest: String,
    /// Of this command.
    drills: Vec<Line>,
}

/// A report that was written.
pub(super) struct Kept {
    pub(super) line: Line,
    pub(super) failures: Vec<String>,
    pub(super) sha256: String,
    /// For people.
    pub(super) html: String,
}

/// A chain that holds.
pub(super) struct Verified {
    pub(super) reports: usize,
    pub(super) newest_sha256: String,
}

impl Shelf {
    /// The folder is made when it is not there; what it has must be whole.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let newest = verify(folder, None)?.newest_sha256;
        Ok(Self { folder: folder.to_owned(), newest, drills: Vec::new() })
    }

    pub(super) fn newest(&self) -> &str {
        &self.newest
    }

    /// Writes the report, its page, the chain and the summary of this command.
    pub(super) fn keep(&mut self, report: DrillReport) -> Result<Kept> {
        let line = report.line();
        let name = format!("{}-{}-{}", stamp(report.began_at_ms), line.name, line.layout);
        let name = self.free(&name);
        let text = serde_json::to_vec_pretty(&report).context("encoding the report")?;
        let drawn = html::page(&report);
        self.write(&format!("{name}.json"), &text)?;
        self.write(&format!("{name}.html"), drawn.as_bytes())?;
        let link = Link {
            file: format!("{name}.json"),
            sha256: sha256(&text),
            html_sha256: sha256(drawn.as_bytes()),
            previous_sha256: std::mem::take(&mut self.newest),
        };
        self.newest.clone_from(&link.sha256);
        let mut chained = serde_json::to_vec(&link).context("encoding the chain")?;
        chained.push(b'\n');
        let path = self.folder.join(CHAIN);
        let mut chain = fs::OpenOptions::new().create(true).append(true).open(&path)?;
        chain.write_all(&chained).with_context(|| format!("writing {}", path.display()))?;
        self.drills.push(line.clone());
        let summary = serde_json::to_vec_pretty(&json!({ "drills": self.drills }))?;
        self.write(SUMMARY, &summary)?;
        let html = self.folder.join(format!("{name}.html")).display().to_string();
        Ok(Kept { line, failures: report.failures, sha256: link.sha256, html })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
    }

    /// A name that no report has yet.
    fn free(&self, name: &str) -> String {
        let taken = |name: &str| self.folder.join(format!("{name}.json")).exists();
        let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }
}

/// Reads every report that the chain lists and compares.
pub(super) fn verify(folder: &Path, newest: Option<&str>) -> Result<Verified> {
    let path = folder.join(CHAIN);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let mut before = NOTHING.to_owned();
    let mut reports = 0;
    for (number, line) in text.lines().enumerate() {
        let place = || Place(format!("line {} of {}", number + 1, path.display()));
        before = checked(folder, line, &before).with_context(place)?;
        reports += 1;
    }
    if let Some(newest) = newest.filter(|newest| !newest.eq_ignore_ascii_case(&before)) {
        bail!(broken(format!("the newest report has the hash {before}, not {newest}")));
    }
    Ok(Verified { reports, newest_sha256: before })
}

/// Answers the report's hash.
fn checked(folder: &Path, line: &str, before: &str) -> Result<String> {
    let link: Link = serde_json::from_str(line)
        .map_err(|error| broken(format!("the chain is damaged: {error}")))?;
    if link.previous_sha256 != before {
        bail!(broken(format!("{} does not follow the report before it in the chain", link.file)));
    }
    let read = |name: &str| {
        let found = fs::read(folder.join(name));
        found.map_err(|error| broken(format!("{name} cannot be read: {error}")))
    };
    let report = read(&link.file)?;
    let drawn = link.file.replace(".json", ".html");
    for (file, found, expected) in [
        (&link.file, sha256(&report), &link.sha256),
        (&drawn, sha256(&read(&drawn)?), &link.html_sha256),
    ] {
        if found != *expected {
            bail!(broken(format!("{file} was changed: its hash is {found}, not {expected}")));
        }
    }
    let told: Value = serde_json::from_slice(&report).context("reading the report")?;
    if told["previous_sha256"] != *before {
        bail!(broken(format!("{} names another report before it", link.file)));
    }
    Ok(link.sha256)
}

fn broken(what: String) -> anyhow::Error {
    let advice = "bring the folder back from where reports are archived, or begin another with \
                  --reports";
    anyhow::anyhow!(what).context(Advice(advice.to_owned()))
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// UTC, fit for a file name.
fn stamp(unix_ms: i64) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = OffsetDateTime::from_unix_timestamp(unix_ms / 1_000);
    time.ok().and_then(|time| time.format(form).ok()).unwrap_or_else(|| unix_ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::drill::drills::Drill;
    use crate::commands::drill::report::Conditions;

    fn kept(shelf: &mut Shelf) -> Kept {
        let conditions = Conditions::here(1, shelf.newest());
        shelf.keep(DrillReport::of(Drill::Switchover, conditions, vec![], vec![])).expect("kept")
    }

    #[test]
    fn a_changed_a_missing_and_another_newest_report_break_the_chain() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut shelf = Shelf::open(folder.path()).expect("a shelf");
        let first = kept(&mut shelf);
        let second = kept(&mut shelf);
        assert_ne!(first.sha256, second.sha256);
        let verified = verify(folder.path(), Some(&second.sha256)).expect("it holds");
        assert_eq!((verified.reports, verified.newest_sha256), (2, second.sha256.clone()));
        verify(folder.path(), Some(&first.sha256)).err().expect("another newest");
        let mut again = Shelf::open(folder.path()).expect("goes on");
        kept(&mut again);

        let chain = fs::read_to_string(folder.path().join(CHAIN)).expect("a chain");
        let without_second: Vec<&str> = chain.lines().step_by(2).collect();
        fs::write(folder.path().join(CHAIN), without_second.join("\n")).expect("written");
        let error = verify(folder.path(), None).err().expect("one is missing");
        assert!(format!("{error:#}").contains("does not follow"), "{error:#}");
        fs::write(folder.path().join(CHAIN), &chain).expect("written");

        for file in [&second.html, &second.html.replace(".html", ".json")] {
            let whole = fs::read(file).expect("a report");
            let mut changed = whole.clone();
            changed[20] ^= 1;
            fs::write(file, &changed).expect("changed");
            let error = verify(folder.path(), None).err().expect("it was changed");
            assert!(format!("{error:#}").contains("was changed"), "{error:#}");
            Shelf::open(folder.path()).err().expect("nothing is added to a broken chain");
            fs::write(file, &whole).expect("as before");
        }
        verify(folder.path(), None).expect("as before");
    }
}
