//! `cash instructions`: what a bank pays and receives for a day, as a file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use registry_client::proto::GetPaymentInstructionsRequest;
use registry_client::{PaymentInstructions, hex};
use serde_json::{Value, json};

use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::stamp;

#[derive(Debug, Args)]
pub(crate) struct Instructions {
    /// A delivered day, YYYY-MM-DD.
    #[arg(long)]
    date: String,
    /// The bank's code.
    #[arg(long)]
    bank: u32,
    /// What the file is.
    #[arg(long, value_enum, default_value_t = FileFormat::Csv)]
    format: FileFormat,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FileFormat {
    Csv,
    Json,
}

impl Instructions {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = GetPaymentInstructionsRequest {
            date: self.date.clone(),
            bank_id: self.bank,
            consistency: global.consistency(),
        };
        let found = global.reads()?.payment_instructions(request).await?;
        let bytes = match self.format {
            FileFormat::Csv => csv_file(&found)?,
            FileFormat::Json => json_file(&found)?,
        };
        write_file(&self.out, &bytes)?;
        let mut record = Record::default();
        for (key, value) in totals(&found) {
            record = record.with(key, value);
        }
        let record =
            record.with("lines", found.lines.len()).with("file", self.out.display().to_string());
        Ok(Page::default().one(record).stamp(stamp(found.totals.stamp)))
    }
}

/// Everything that is said once, in the order of the files.
fn totals(found: &PaymentInstructions) -> [(&'static str, Value); 8] {
    let totals = &found.totals;
    [
        ("date", totals.date.as_str().into()),
        ("bank_id", totals.bank_id.into()),
        ("received_yuan", totals.received_yuan.as_str().into()),
        ("paid_yuan", totals.paid_yuan.as_str().into()),
        ("net_yuan", totals.net_yuan.as_str().into()),
        ("interbank_yuan", totals.interbank_yuan.as_str().into()),
        ("held_trades", totals.held_trades.into()),
        ("payments_sha256", hex(&totals.payments_sha256).into()),
    ]
}

/// A row per payment, then a row per total.
fn csv_file(found: &PaymentInstructions) -> Result<Vec<u8>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["record", "account_id", "value"])?;
    for line in &found.lines {
        rows.write_record(["payment_yuan", &line.account_id.to_string(), &line.net_yuan])?;
    }
    for (name, value) in totals(found) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        rows.write_record([name, "", &value])?;
    }
    Ok(rows.into_inner().map_err(|error| error.into_error())?)
}

fn json_file(found: &PaymentInstructions) -> Result<Vec<u8>> {
    let payments: Vec<_> = found
        .lines
        .iter()
        .map(|line| json!({ "account_id": line.account_id, "net_yuan": line.net_yuan }))
        .collect();
    let mut object = serde_json::Map::new();
    for (name, value) in totals(found) {
        object.insert(name.to_owned(), value);
    }
    object.insert("payments".to_owned(), payments.into());
    let mut bytes = serde_json::to_vec_pretty(&object)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    file.write_all(bytes).and_then(|()| file.flush()).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_client::proto::{GetPaymentInstructionsReply, PaymentLine};

    fn found() -> PaymentInstructions {
        let totals = GetPaymentInstructionsReply {
            date: "2021-12-16".to_owned(),
            bank_id: 102,
            received_yuan: "0.00".to_owned(),
            paid_yuan: "7.00".to_owned(),
            net_yuan: "-7.00".to_owned(),
            interbank_yuan: "-7.00".to_owned(),
            payments_sha256: vec![0xab, 0x01].into(),
            ..Default::default()
        };
        let line = PaymentLine { account_id: 17, net_yuan: "-7.00".to_owned() };
        PaymentInstructions { totals, lines: vec![line] }
    }

    #[test]
    fn both_files_have_every_line_total_and_hash() {
        let csv = String::from_utf8(csv_file(&found()).expect("rows")).expect("text");
        let expected = "record,account_id,value\npayment_yuan,17,-7.00\ndate,,2021-12-16\n\
            bank_id,,102\nreceived_yuan,,0.00\npaid_yuan,,7.00\nnet_yuan,,-7.00\n\
            interbank_yuan,,-7.00\nheld_trades,,0\npayments_sha256,,ab01\n";
        assert_eq!(csv, expected);
        let bytes = json_file(&found()).expect("an object");
        let read: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(read["payments"], json!([{ "account_id": 17, "net_yuan": "-7.00" }]));
        assert_eq!(read["payments_sha256"], "ab01");
        assert_eq!((&read["bank_id"], &read["held_trades"]), (&json!(102), &json!(0)));
        assert_eq!(read["paid_yuan"], "7.00");
    }
}
