//! Answers on standard output: tables for people, JSON for programs.
//!
//! One record feeds both, so that they cannot disagree. JSON keys are
//! snake_case and amounts are strings; so are tonnes, which may exceed what
//! JSON readers take for an integer.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs: one object.
    Json,
}

/// Named values in the order in which a table shows them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record(Vec<(&'static str, Value)>);

impl Record {
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn into_json(self) -> Map<String, Value> {
        self.0.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    sections: Vec<Section>,
    alarms: Vec<String>,
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

    /// Something that needs a person: printed, and the exit code says so.
    pub(crate) fn with_alarm(mut self, alarm: String) -> Self {
        self.alarms.push(alarm);
        self
    }

    /// All alarms as one text.
    pub(crate) fn alarm(&self) -> Option<String> {
        (!self.alarms.is_empty()).then(|| self.alarms.join("; "))
    }

    /// Prints the page.
    pub(crate) fn print(self, format: Format) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let printed = match format {
            Format::Json => self.write_json(&mut out),
            Format::Table => self.write_tables(&mut out),
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

    fn into_json(self) -> Value {
        let mut object = Map::new();
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
            object.insert("alarms".to_owned(), self.alarms.into());
        }
        Value::Object(object)
    }

    fn write_tables(self, out: &mut impl Write) -> io::Result<()> {
        for section in self.sections {
            match section {
                Section::One(record) => {
                    let mut table = table();
                    for (key, value) in &record.0 {
                        table.add_row([key.replace('_', " "), text(value)]);
                    }
                    writeln!(out, "{table}")?;
                }
                Section::Many(name, records) => {
                    let title = name.replace('_', " ");
                    let Some(first) = records.first() else {
                        writeln!(out, "no {title}")?;
                        continue;
                    };
                    let mut table = table();
                    table.set_header(first.0.iter().map(|(key, _)| key.replace('_', " ")));
                    for record in &records {
                        table.add_row(record.0.iter().map(|(_, value)| short(&text(value))));
                    }
                    writeln!(out, "{title}:\n{table}")?;
                }
                Section::Stamp(record) => {
                    let parts: Vec<String> = record
                        .0
                        .iter()
                        .map(|(key, value)| format!("{} {}", key.replace('_', " "), text(value)))
                        .collect();
                    writeln!(out, "{}", parts.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
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
mod tests {
    use super::*;

    fn page() -> Page {
        Page::default()
            .one(Record::default().with("date", "2021-12-16").with("amount_yuan", "1.00"))
            .many(
                "banks",
                vec![Record::default().with("bank_id", 102).with("hash", "a".repeat(64))],
            )
            .stamp(Record::default().with("term", 3))
    }

    #[test]
    fn json_is_one_object_with_snake_case_keys() {
        let expected = serde_json::json!({
            "date": "2021-12-16",
            "amount_yuan": "1.00",
            "banks": [{"bank_id": 102, "hash": "a".repeat(64)}],
            "stamp": {"term": 3},
        });
        assert_eq!(page().into_json(), expected);
    }

    #[test]
    fn tables_show_the_same_values() {
        let mut out = Vec::new();
        page().write_tables(&mut out).expect("writing to memory");
        let text = String::from_utf8(out).expect("UTF-8");
        for part in ["amount yuan", "1.00", "banks:", "102", "aaaaaaaaaaaaaaaa…", "term 3"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn an_empty_list_says_so() {
        let mut out = Vec::new();
        Page::default().many("held_trades", vec![]).write_tables(&mut out).expect("memory");
        assert_eq!(String::from_utf8(out).expect("UTF-8"), "no held trades\n");
    }
}
