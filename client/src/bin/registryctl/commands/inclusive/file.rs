//! A CSV file of persons and what they saved.

use std::io::Read;

use anyhow::{Context as _, Result, bail};
use registry_client::{OwnerId, hex, unhex};
use sha2::{Digest as _, Sha256};

/// A person and what is saved; grams may be 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    /// Of the file; the header is line 1.
    pub(super) line: u64,
    pub(super) owner: OwnerId,
    pub(super) grams: i64,
}

/// Every line below the header, in order.
pub(super) fn read(input: impl Read) -> Result<Vec<Saved>> {
    let mut reader = csv::Reader::from_reader(input);
    let header = reader.headers()?.clone();
    if header.iter().ne(["owner_id", "quantity_grams"]) {
        bail!("the first line must be owner_id,quantity_grams");
    }
    let mut lines = Vec::new();
    for row in reader.records() {
        let row = row?;
        let line = row.position().map_or(0, csv::Position::line);
        let of_row = || -> Result<Saved> {
            let (id, grams) = (row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default());
            let grams: i64 = grams.parse().with_context(|| format!("quantity_grams {grams:?}"))?;
            if grams < 0 {
                bail!("quantity_grams {grams} is less than 0");
            }
            Ok(Saved { line, owner: owner(id).map_err(anyhow::Error::msg)?, grams })
        };
        lines.push(of_row().with_context(|| format!("line {line}"))?);
    }
    Ok(lines)
}

/// A name made from the lines: the same for the same lines.
pub(super) fn name(lines: &[Saved]) -> String {
    let mut hasher = Sha256::new();
    for Saved { owner, grams, .. } in lines {
        hasher.update(owner);
        hasher.update(grams.to_be_bytes());
    }
    hex(&hasher.finalize()[..8])
}

/// 32 hexadecimal digits.
pub(super) fn owner(text: &str) -> Result<OwnerId, String> {
    let id = unhex(text).and_then(|bytes| bytes.try_into().ok());
    id.ok_or_else(|| "an owner_id has 32 hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_faults_name_their_line() {
        let id = "000102030405060708090a0b0c0d0eff";
        let good = format!("owner_id,quantity_grams\n{id},5\n{id},0\n");
        let lines = read(good.as_bytes()).expect("readable");
        assert_eq!((lines.len(), lines[0].grams, lines[1].owner[15]), (2, 5, 255));
        assert_eq!((lines[0].line, lines[1].line), (2, 3));
        assert_eq!(name(&lines), name(&lines.clone()));
        assert_ne!(name(&lines), name(&lines[..1]));
        for bad in [
            format!("owner,grams\n{id},5\n"),
            format!("owner_id,quantity_grams\n{id},5\n{id},-1\n"),
            format!("owner_id,quantity_grams\n{id},5\n{id},1.5\n"),
            format!("owner_id,quantity_grams\n{id},5\n{},1\n", &id[1..]),
            format!("owner_id,quantity_grams\n{id},5\n{},1\n", id.replace('0', "g")),
        ] {
            let told = format!("{:#}", read(bad.as_bytes()).expect_err(&bad));
            assert!(told.contains("line"), "{told}");
        }
    }
}
