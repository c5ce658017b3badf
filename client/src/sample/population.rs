//! The firms of a sample day: made from a seed, or read from a CSV file.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};

use super::csv_rows::{Row, SampleFileError, for_each_row};
use super::money::{FEN_PER_YUAN, yuan};
use super::names::{
    BUSINESSES, FIRST_SYLLABLES, GREAT_GROUP, PROVINCES, SECOND_SYLLABLES, SETTLEMENT_BANKS,
};
use super::random::Random;
use super::uscc;

/// Number of firms in the national market that sample days are made for.
pub const DEFAULT_FIRM_COUNT: usize = 3_768;

/// Firms of the great group among `DEFAULT_FIRM_COUNT`; in proportion for
/// other counts.
const GREAT_GROUP_FIRMS: usize = 100;
/// Fewer firms with one name in front are no group.
const LEAST_GROUP: usize = 10;
const COLUMNS: &[&str] = &["account_id", "uscc", "name", "bank_id", "holding_tco2e", "cash_yuan"];

/// One firm, which has one holding account and money at one bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firm {
    /// 1 for the first firm of the file, and so on: the ids a fresh registry
    /// gives to accounts opened in this order.
    pub account_id: u64,
    /// Unified social credit code.
    pub uscc: String,
    /// Invented legal name; the first word is the group's.
    pub name: String,
    /// Settlement bank.
    pub bank_id: u32,
    /// Tradable allowances before the day, whole tonnes.
    pub holding_tco2e: i64,
    /// Money at the bank before the day.
    pub cash_fen: i64,
}

/// The firms, in the order of their account ids from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    firms: Vec<Firm>,
}

impl Population {
    /// Makes `firm_count` firms. A seed gives the same firms for ever.
    #[must_use]
    pub fn generate(firm_count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, "population");
        let mut codes = OrganisationCodes::new(&mut random);
        let mut units: BTreeMap<(String, &str), usize> = BTreeMap::new();
        let mut firms = Vec::with_capacity(firm_count);
        for index in 0..firm_count {
            let group = group_of(index, &mut random);
            let (division, province) = PROVINCES[random.below(PROVINCES.len())];
            let unit = units.entry((group.clone(), province)).or_default();
            *unit += 1;
            let business = BUSINESSES[random.below(BUSINESSES.len())];
            let holding_tco2e = random.between(10, 1_000) << random.below(12);
            let cash_fen = (random.between(100, 1_000) << random.below(8)) * 1_000 * FEN_PER_YUAN;
            firms.push(Firm {
                account_id: index as u64 + 1,
                uscc: codes.next(division),
                name: format!("{group} {province} {business} No. {unit}"),
                bank_id: SETTLEMENT_BANKS[random.below(SETTLEMENT_BANKS.len())].bank_id,
                holding_tco2e,
                cash_fen,
            });
        }
        Self { firms }
    }

    /// The firms in the order of their account ids.
    #[must_use]
    pub fn firms(&self) -> &[Firm] {
        &self.firms
    }

    /// The firm of an account.
    #[must_use]
    pub fn firm(&self, account_id: u64) -> Option<&Firm> {
        self.firms.get(usize::try_from(account_id).ok()?.checked_sub(1)?)
    }

    pub(super) fn firms_mut(&mut self) -> &mut [Firm] {
        &mut self.firms
    }

    /// Indexes of the firms of the greatest group; empty when no group stands out.
    pub(super) fn greatest_group(&self) -> Vec<usize> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, firm) in self.firms.iter().enumerate() {
            let group = firm.name.split(' ').next().unwrap_or_default();
            groups.entry(group).or_default().push(index);
        }
        let greatest = groups.into_values().max_by_key(Vec::len).unwrap_or_default();
        if greatest.len() < LEAST_GROUP { Vec::new() } else { greatest }
    }

    /// Reads firms from CSV.
    ///
    /// # Errors
    /// The first bad row, with the column, its value and what is expected;
    /// accounts not numbered 1, 2, 3, ...; a code that comes twice.
    pub fn read<R: Read>(input: R) -> Result<Self, SampleFileError> {
        let mut firms: Vec<Firm> = Vec::new();
        let mut codes = HashSet::new();
        for_each_row(input, COLUMNS, |row| {
            let firm = read_row(row, firms.len() as u64 + 1)?;
            if !codes.insert(firm.uscc.clone()) {
                return Err(row.bad("uscc", "a code that no row above has"));
            }
            firms.push(firm);
            Ok(())
        })?;
        Ok(Self { firms })
    }

    /// Writes firms in the form that [`Population::read`] reads.
    ///
    /// # Errors
    /// Only a fault of `output`.
    pub fn write<W: Write>(&self, output: W) -> Result<(), SampleFileError> {
        let mut writer = csv::Writer::from_writer(output);
        writer.write_record(COLUMNS)?;
        for firm in &self.firms {
            writer.write_record([
                firm.account_id.to_string().as_str(),
                &firm.uscc,
                &firm.name,
                &firm.bank_id.to_string(),
                &firm.holding_tco2e.to_string(),
                &yuan(firm.cash_fen.into()),
            ])?;
        }
        writer.flush().map_err(csv::Error::from)?;
        Ok(())
    }
}

fn read_row(row: &Row<'_>, expected_id: u64) -> Result<Firm, SampleFileError> {
    let account_id = row.id("account_id")?;
    if account_id != expected_id {
        return Err(row.bad(
            "account_id",
            format!("{expected_id}: accounts are numbered from 1 without gaps"),
        ));
    }
    let code = row.text("uscc");
    uscc::validate(code)
        .map_err(|error| row.bad("uscc", format!("a unified social credit code: {error}")))?;
    let name = row.text("name");
    if !(1..=200).contains(&name.len()) || name.trim() != name || name.chars().any(char::is_control)
    {
        return Err(
            row.bad("name", "a name of 1 to 200 bytes without control characters or outer blanks")
        );
    }
    let bank = SETTLEMENT_BANKS.iter().find(|bank| bank.bank_id.to_string() == row.text("bank_id"));
    let bank = bank.ok_or_else(|| {
        let ids = SETTLEMENT_BANKS.map(|bank| bank.bank_id.to_string()).join(", ");
        row.bad("bank_id", format!("a settlement bank, one of {ids}"))
    })?;
    Ok(Firm {
        account_id,
        uscc: code.to_owned(),
        name: name.to_owned(),
        bank_id: bank.bank_id,
        holding_tco2e: row.quantity_tco2e("holding_tco2e")?,
        cash_fen: row.amount_fen("cash_yuan")?,
    })
}

/// Spreads the great group evenly over the file; the others are random.
fn group_of(index: usize, random: &mut Random) -> String {
    let great_firms_before = |index: usize| index * GREAT_GROUP_FIRMS / DEFAULT_FIRM_COUNT;
    if great_firms_before(index + 1) > great_firms_before(index) {
        return GREAT_GROUP.to_owned();
    }
    let first = FIRST_SYLLABLES[random.below(FIRST_SYLLABLES.len())];
    let second = SECOND_SYLLABLES[random.below(SECOND_SYLLABLES.len())];
    format!("{first}{second}")
}

/// Gives codes that differ from each other by construction: a walk with a
/// stride that has no common factor with 31^8 meets every body once.
struct OrganisationCodes {
    position: u64,
    stride: u64,
}

impl OrganisationCodes {
    const BODIES: u64 = 31_u64.pow(8);

    fn new(random: &mut Random) -> Self {
        let below = |random: &mut Random, bound: u64| {
            random.below(usize::try_from(bound).unwrap_or(usize::MAX)) as u64
        };
        let position = below(random, Self::BODIES);
        // No multiple of 31, which is prime.
        let stride = below(random, Self::BODIES / 31) * 31 + 1 + below(random, 30);
        Self { position, stride }
    }

    /// A code of a company (91) in the capital of the province.
    fn next(&mut self, province: &str) -> String {
        self.position = (self.position + self.stride) % Self::BODIES;
        let mut rest = self.position;
        let mut body = String::with_capacity(8);
        for _ in 0..8 {
            body.push(char::from(uscc::ALPHABET[(rest % 31) as usize]));
            rest /= 31;
        }
        let division = format!("{province}0100");
        uscc::compose("91", &division, &body).expect("both alphabets hold these characters")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    const GOOD: [&str; 6] =
        ["1", "91330100799655058B", "Shuangjiang Hubei Power No. 1", "102", "5000", "120.50"];

    fn read(fields: &[&str]) -> Result<Population, SampleFileError> {
        Population::read(format!("{}\n{}\n", COLUMNS.join(","), fields.join(",")).as_bytes())
    }

    #[test]
    fn a_seed_gives_valid_firms_with_unique_codes_and_names() {
        let population = Population::generate(DEFAULT_FIRM_COUNT, 1);
        let firms = population.firms();
        assert_eq!(firms.len(), DEFAULT_FIRM_COUNT);
        let codes: HashSet<&str> = firms.iter().map(|firm| firm.uscc.as_str()).collect();
        let names: HashSet<&str> = firms.iter().map(|firm| firm.name.as_str()).collect();
        assert_eq!((codes.len(), names.len()), (firms.len(), firms.len()));
        for (index, firm) in firms.iter().enumerate() {
            assert_eq!(firm.account_id, index as u64 + 1);
            assert_eq!(uscc::validate(&firm.uscc), Ok(()));
            assert_eq!(
                uscc::organisation_check_character(&firm.uscc[8..16]),
                firm.uscc.chars().nth(16)
            );
            assert_eq!(population.firm(firm.account_id), Some(firm));
        }
        for bank in SETTLEMENT_BANKS {
            assert!(firms.iter().any(|firm| firm.bank_id == bank.bank_id));
        }
        assert_eq!(population.firm(0), None);
        assert_eq!(population.firm(3_769), None);
        assert_eq!(population.greatest_group().len(), 100);
    }

    #[test]
    fn the_first_firm_of_seed_1_never_changes() {
        let mut text = Vec::new();
        Population::generate(1, 1).write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text.lines().nth(1).unwrap(),
            "1,91500100UWBHCLE61W,Huichuan Chongqing Captive Power No. 1,105,221696,1932000.00"
        );
    }

    #[test]
    fn firms_are_read_back_the_same() {
        let population = Population::generate(500, 9);
        let mut text = Vec::new();
        population.write(&mut text).unwrap();
        assert_eq!(Population::read(text.as_slice()).unwrap(), population);
        assert_ne!(Population::generate(500, 10), population);
        assert_eq!(Population::generate(0, 9).firms(), []);
    }

    #[test]
    fn every_bad_field_is_named() {
        let long = "x".repeat(201);
        let cases = [
            (0, "2", "1: accounts are numbered"),
            (0, "0", "a whole number of at least 1"),
            (0, "１", "a whole number of at least 1"),
            (1, "91330100799655058C", "a unified social credit code: the check character"),
            (1, "", "a unified social credit code: a unified"),
            (2, "", "a name"),
            (2, " padded", "a name"),
            (2, long.as_str(), "a name"),
            (3, "101", "a settlement bank, one of 102, 103"),
            (3, "0102", "a settlement bank"),
            (4, "-1", "a whole number of tonnes"),
            (4, "1.0", "a whole number of tonnes"),
            (5, "NaN", "an amount"),
            (5, "1.234", "an amount"),
            (5, "-0.01", "an amount"),
        ];
        for (column, value, expected) in cases {
            let mut fields = GOOD;
            fields[column] = value;
            let message = read(&fields).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("line 2, column {}: ", COLUMNS[column])),
                "{message}"
            );
            assert!(message.contains(&format!("is not {expected}")), "{message}");
        }
    }

    #[test]
    fn a_code_twice_is_refused() {
        let mut second = GOOD;
        second[0] = "2";
        let text = format!("{}\n{}\n{}\n", COLUMNS.join(","), GOOD.join(","), second.join(","));
        let message = Population::read(text.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with("line 3, column uscc"), "{message}");
    }
}
