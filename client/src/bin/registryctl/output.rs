//! Answers on standard output: tables for people, JSON for programs.
//!
//! One record feeds both, so that they cannot disagree. JSON keys are
//! snake_case and amounts are strings; so are tonnes, which may exceed what
//! JSON readers take for an integer.

use std::io::{self, Write};
use std::ops::ControlFlow;

use comfy_table::{ContentArrangement, Table, presets};
use registry_client::sample::BEIJING;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::exit::Alarm;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs: one object.
    Json,
}

/// One value of a record.
#[derive(Clone, Debug, PartialEq)]
struct Cell {
    key: &'static str,
    value: Value,
    /// What people get instead of the value.
    text: Option<String>,
    /// In lists only when asked for: `--wide`.
    wide: bool,
}

/// Named values in the order in which a table shows them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    shown: Vec<Cell>,
    /// In JSON only: too long for a line.
    details: Vec<(&'static str, Value)>,
    /// In lines for people only: what programs get as details, shorter.
    texts: Vec<String>,
}

impl Record {
    pub(crate) fn with(self, key: &'static str, value: impl Into<Value>) -> Self {
        self.cell(key, value.into(), None, false)
    }

    /// A value that tables of lists leave out without `--wide`.
    pub(crate) fn with_wide(self, key: &'static str, value: impl Into<Value>) -> Self {
        self.cell(key, value.into(), None, true)
    }

    /// A value for programs, and what people get instead.
    pub(crate) fn with_words(
        self,
        key: &'static str,
        value: impl Into<Value>,
        words: String,
    ) -> Self {
        self.cell(key, value.into(), Some(words), false)
    }

    fn cell(mut self, key: &'static str, value: Value, text: Option<String>, wide: bool) -> Self {
        self.shown.push(Cell { key, value, text, wide });
        self
    }

    /// The same with all values wide but those of these keys.
    pub(crate) fn narrowed_to(mut self, keys: &[&str]) -> Self {
        for cell in &mut self.shown {
            cell.wide = !keys.contains(&cell.key);
        }
        self
    }

    /// A value for programs, which tables leave out.
    pub(crate) fn with_detail(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.details.push((key, value.into()));
        self
    }

    /// What a line for people ends with.
    pub(crate) fn with_text(mut self, text: String) -> Self {
        self.texts.push(text);
        self
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.shown.extend(other.shown);
        self.details.extend(other.details);
        self.texts.extend(other.texts);
        self
    }

    pub(crate) fn into_json(self) -> Map<String, Value> {
        let shown = self.shown.into_iter().map(|cell| (cell.key, cell.value));
        shown.chain(self.details).map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    sections: Vec<Section>,
    headline: Option<String>,
    alarms: Vec<Alarm>,
}

#[derive(Clone, Debug)]
enum Section {
    One(Record),
    Many(&'static str, Vec<Record>),
    Stamp(Record),
}

impl Page {
    /// Values at the top of the object.
    pub(crate) fn one(mut self, record: Record) -> Self {
        self.sections.push(Section::One(record));
        self
    }

    /// A list under its name.
    pub(crate) fn many(mut self, name: &'static str, records: Vec<Record>) -> Self {
        self.sections.push(Section::Many(name, records));
        self
    }

    /// Where and when the answer holds.
    pub(crate) fn stamp(mut self, record: Record) -> Self {
        self.sections.push(Section::Stamp(record));
        self
    }

    /// The verdict: a table's first line.
    pub(crate) fn with_headline(mut self, headline: String) -> Self {
        self.headline = Some(headline);
        self
    }

    /// Something that needs a person: printed, and the exit code says so.
    pub(crate) fn with_alarm(mut self, alarm: Alarm) -> Self {
        self.alarms.push(alarm);
        self
    }

    /// All alarms as one.
    pub(crate) fn alarm(&self) -> Option<Alarm> {
        let first = self.alarms.first()?.clone();
        let texts: Vec<&str> = self.alarms.iter().map(|alarm| alarm.text.as_str()).collect();
        Some(Alarm { text: texts.join("; "), ..first })
    }

    /// Prints the page; tables of lists with all columns when `wide`.
    pub(crate) fn print(self, format: Format, wide: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let printed = match format {
            Format::Json => self.write_json(&mut out),
            Format::Table => self.write_tables(&mut out, wide),
        };
        match printed {
            // `registryctl ... | head` is no fault.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed,
        }
    }

    fn write_json(self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, &self.into_json())?;
        writeln!(out)
    }

    /// As programs get it.
    #[cfg(test)]
    pub(crate) fn json(self) -> Value {
        self.into_json()
    }

    fn into_json(self) -> Value {
        let mut object = Map::new();
        if let Some(headline) = self.headline {
            object.insert("verdict".to_owned(), headline.into());
        }
        for section in self.sections {
            match section {
                Section::One(record) => object.extend(record.into_json()),
                Section::Many(name, records) => {
                    let list = records.into_iter().map(|r| Value::Object(r.into_json())).collect();
                    object.insert(name.to_owned(), Value::Array(list));
                }
                Section::Stamp(record) => {
                    object.insert("stamp".to_owned(), Value::Object(record.into_json()));
                }
            }
        }
        if !self.alarms.is_empty() {
            let texts = self.alarms.into_iter().map(|alarm| Value::from(alarm.text)).collect();
            object.insert("alarms".to_owned(), Value::Array(texts));
        }
        Value::Object(object)
    }

    fn write_tables(self, out: &mut impl Write, wide: bool) -> io::Result<()> {
        if let Some(headline) = &self.headline {
            writeln!(out, "{headline}")?;
        }
        for section in self.sections {
            match section {
                Section::One(record) => {
                    let mut table = table();
                    for cell in &record.shown {
                        table.add_row([title(cell.key), cell.shown()]);
                    }
                    writeln!(out, "{table}")?;
                }
                Section::Many(name, records) => write_list(out, name, &records, wide)?,
                Section::Stamp(record) => {
                    let cells = record.shown.iter();
                    let parts: Vec<String> =
                        cells.map(|cell| format!("{} {}", title(cell.key), cell.shown())).collect();
                    writeln!(out, "{}", parts.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

fn write_list(out: &mut impl Write, name: &str, records: &[Record], wide: bool) -> io::Result<()> {
    let heading = title(name);
    let Some(first) = records.first() else {
        return writeln!(out, "no {heading}");
    };
    let rows: Vec<Vec<String>> = records.iter().map(cells).collect();
    // A column that says nothing of any of them only widens the table.
    let says = |at: usize| rows.iter().any(|row| !row[at].is_empty());
    let kept: Vec<usize> =
        (0..first.shown.len()).filter(|at| (wide || !first.shown[*at].wide) && says(*at)).collect();
    let mut table = table();
    table.set_header(kept.iter().map(|at| title(first.shown[*at].key)));
    for row in &rows {
        table.add_row(kept.iter().map(|at| row[*at].as_str()));
    }
    writeln!(out, "{heading}:\n{table}")
}

impl Cell {
    fn shown(&self) -> String {
        self.text.clone().unwrap_or_else(|| shown(self.key, &self.value))
    }
}

/// Prints one record of a list that has no end: a line of JSON, or of text.
/// Breaks when nobody reads on.
pub(crate) fn print_line(record: Record, format: Format) -> io::Result<ControlFlow<()>> {
    let line = match format {
        Format::Json => Value::Object(record.into_json()).to_string(),
        Format::Table => {
            let shown = record.shown.iter().map(Cell::shown);
            let parts: Vec<String> = shown.chain(record.texts).filter(|p| !p.is_empty()).collect();
            parts.join("  ")
        }
    };
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        written => written.map(ControlFlow::Continue),
    }
}

/// A row of a list.
fn cells(record: &Record) -> Vec<String> {
    record.shown.iter().map(|cell| short(&cell.shown())).collect()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Whether the value is a moment: JSON has the ledger's milliseconds, people get
/// Beijing time.
fn is_moment(key: &str) -> bool {
    ["_at_ms", "_deadline_ms", "_time_ms"].iter().any(|end| key.ends_with(end))
}

/// A name and its value as an error tells them.
pub(crate) fn line(key: &str, value: &str) -> String {
    let moment = value.parse().ok().filter(|_| is_moment(key)).and_then(beijing);
    match moment {
        Some(moment) => format!("{}: {moment}", key.trim_end_matches("_ms")),
        None => format!("{key}: {value}"),
    }
}

fn title(key: &str) -> String {
    let key = match is_moment(key) {
        true => key.trim_end_matches("_ms"),
        false => key,
    };
    key.replace('_', " ")
}

fn shown(key: &str, value: &Value) -> String {
    match value.as_i64().filter(|_| is_moment(key)) {
        Some(0) => String::new(),
        Some(unix_ms) => beijing(unix_ms).unwrap_or_else(|| text(value)),
        None => text(value),
    }
}

/// RFC 3339 with milliseconds, as trade files have it.
fn beijing(unix_ms: i64) -> Option<String> {
    let form = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3][offset_hour sign:mandatory]:[offset_minute]"
    );
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()?;
    time.checked_to_offset(BEIJING)?.format(form).ok()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<String>>().join(" "),
        other => other.to_string(),
    }
}

/// Hashes are compared by their first digits in a list; JSON has them whole.
fn short(text: &str) -> String {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        format!("{}…", &text[..16])
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
