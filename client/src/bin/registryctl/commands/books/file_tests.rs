//! Books that are taken as they are meant, and rows that are not taken.

use super::*;

const HEADER: &str =
    "uscc,name,kind,instrument,registered_tco2e,trading_tco2e,bank_id,amount_yuan\n";
/// Codes that companies publish.
const A: &str = "91330100799655058B";
const B: &str = "9144030071526726XG";

fn books(rows: &str) -> Result<Vec<Account>> {
    read(format!("{HEADER}{rows}").as_bytes())
}

fn refused(rows: &str) -> String {
    match books(rows) {
        Ok(accounts) => panic!("{rows} was taken as {} accounts", accounts.len()),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn rows_of_one_code_are_one_account() {
    let accounts = books(&format!(
        "{A},Example Power,emitter,CEA-2020,300,700,102,21825.00\n\
         {A},Example Power,emitter,CCER,5,,,\n\
         {A},Example Power,emitter,,,,103,7\n\
         \n\
         {B},\"示例银行, 深圳\",institution,,,,,\n"
    ))
    .expect("good books");
    let lines: Vec<u64> = accounts.iter().map(|account| account.line).collect();
    assert_eq!(lines, [2, 6]);
    let holding = |instrument: &str, registered_tco2e, trading_tco2e| OpeningHolding {
        instrument: instrument.to_owned(),
        registered_tco2e,
        trading_tco2e,
    };
    let cash = |bank_id, yuan: &str| OpeningCash { bank_id, amount_yuan: yuan.to_owned() };
    let expected = [
        OpeningBooks {
            uscc: A.to_owned(),
            name: "Example Power".to_owned(),
            kind: AccountKind::Emitter.into(),
            holdings: vec![holding("CEA-2020", 300, 700), holding("CCER", 5, 0)],
            cash: vec![cash(102, "21825.00"), cash(103, "7.00")],
        },
        OpeningBooks {
            uscc: B.to_owned(),
            name: "示例银行, 深圳".to_owned(),
            kind: AccountKind::Institution.into(),
            ..Default::default()
        },
    ];
    let found: Vec<OpeningBooks> = accounts.iter().map(|account| account.books.clone()).collect();
    assert_eq!(found, expected);
    let sums = sums(&accounts).expect("small sums");
    assert_eq!((sums.tonnes, sums.fen), (1_005, 2_183_200));
}

#[test]
fn a_bad_row_is_named_by_line_and_column() {
    let rows = [
        ("9133010079965505,x,emitter,,,,,", "uscc", "credit code"),
        ("91330100799655058C,x,emitter,,,,,", "uscc", "check character"),
        ("{B},,emitter,,,,,", "name", "1 to 200 bytes"),
        ("{B},x,Emitter,,,,,", "kind", "emitter, institution or province"),
        ("{B},x,,,,,,", "kind", "emitter, institution or province"),
        ("{B},x,emitter,,5,,,", "registered_tco2e", "empty"),
        ("{B},x,emitter,,,0,,", "trading_tco2e", "empty"),
        ("{B},x,emitter,CEA-2020,,,,", "registered_tco2e", "at least 1 t"),
        ("{B},x,emitter,CEA-2020,0,0,,", "registered_tco2e", "at least 1 t"),
        ("{B},x,emitter,CEA-2020,-1,2,,", "registered_tco2e", "whole number"),
        ("{B},x,emitter,CEA-2020,1,+2,,", "trading_tco2e", "whole number"),
        ("{B},x,emitter,CEA-2020,1.0,,,", "registered_tco2e", "whole number"),
        ("{B},x,emitter,CEA-2020,１,,,", "registered_tco2e", "whole number"),
        ("{B},x,emitter,CEA-2020,9223372036854775808,,,", "registered_tco2e", "whole number"),
        ("{B},x,emitter,,,,,5.00", "amount_yuan", "empty"),
        ("{B},x,emitter,,,,1020,5.00", "bank_id", "three digits"),
        ("{B},x,emitter,,,,ICBC,5.00", "bank_id", "three digits"),
        ("{B},x,emitter,,,,102,", "amount_yuan", "at least 0.01"),
        ("{B},x,emitter,,,,102,0.00", "amount_yuan", "at least 0.01"),
        ("{B},x,emitter,,,,102,-5", "amount_yuan", "at least 0.01"),
        ("{B},x,emitter,,,,102,5.001", "amount_yuan", "at least 0.01"),
        ("{B},x,emitter,,,,102,1e9", "amount_yuan", "at least 0.01"),
        // Further rows of the account in line 2.
        ("{A},y,emitter,CCER,1,,,", "name", "the name in line 2"),
        ("{A},Power,province,CCER,1,,,", "kind", "the kind in line 2"),
        ("{A},Power,,CCER,1,,,", "kind", "the kind in line 2"),
        ("{A},Power,emitter,,,,,", "instrument", "no money either"),
        ("{A},Power,emitter,CEA-2020,1,,,", "instrument", "another instrument"),
        ("{A},Power,emitter,,,,102,1", "bank_id", "another bank"),
    ];
    for (row, column, expected) in rows {
        let row = row.replace("{A}", A).replace("{B}", B);
        let told = refused(&format!("{A},Power,emitter,CEA-2020,1,,102,1\n{row}\n"));
        assert!(told.starts_with(&format!("line 3, column {column}: ")), "{row}: {told}");
        assert!(told.contains(expected), "{row}: {told}");
    }
}

#[test]
fn an_account_that_comes_back_later_is_named_with_its_first_line() {
    let told = refused(&format!(
        "{A},Power,emitter,,,,102,1\n{B},Bank,institution,,,,,\n{A},Power,emitter,,,,103,1\n"
    ));
    assert!(told.starts_with("line 4, column uscc: "), "{told}");
    assert!(told.contains("begins in line 2"), "{told}");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let rows = format!("{A},\"Po\nwer\",emitter,,,,,\n\n\n{B},x,bank,,,,,");
    for file in [rows.clone(), format!("{rows}\n"), rows.replace('\n', "\r\n")] {
        let told = refused(&file);
        assert!(told.starts_with("line 6, column kind: "), "{file:?}: {told}");
    }
    let file = format!("\u{feff}{HEADER}{A},x,bank,,,,,\n").replace('\n', "\r\n");
    let Err(error) = read(file.as_bytes()) else { panic!("taken") };
    assert!(error.to_string().starts_with("line 2, column kind: "), "{error}");
}

#[test]
fn sums_out_of_range_are_told_before_anything_is_sent() {
    let most = i64::MAX;
    let told = refused(&format!("{A},x,emitter,CEA-2020,{most},,,\n{B},y,emitter,CEA-2020,1,,,\n"));
    assert!(told.contains("line 3: the tonnes up to here are out of range"), "{told}");
    let yuan = "92233720368547758.07";
    let told = refused(&format!("{A},x,emitter,,,,102,{yuan}\n{B},y,emitter,,,,103,0.01\n"));
    assert!(told.contains("line 3: the amounts up to here are out of range"), "{told}");
}

#[test]
fn other_files_are_not_taken() {
    let told = |file: &str| match read(file.as_bytes()) {
        Ok(_) => panic!("{file:?} was taken"),
        Err(error) => format!("{error:#}"),
    };
    assert!(told("").contains("the header must be uscc,name,kind"));
    assert!(told("uscc,name\n").contains("the header must be"));
    assert!(told(HEADER).contains("no account"));
    let short = format!("{HEADER}{A},x,emitter\n");
    assert!(told(&short).contains("line: 2"), "{}", told(&short));
}
