//! Command lines that are taken, and those that are not.

use clap::{CommandFactory as _, Parser as _};

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("registryctl").chain(line.split_whitespace()))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_is_taken() {
    let lines = [
        "pki init --out pki",
        "pki init --out pki --node 11:sh-1 --node 21:wh-1",
        "pki issue --dir pki --role bank --name 102",
        "pki issue --dir pki --role node --name sh-4 --id 14",
        "whoami",
        "pledge list --wide",
        "cluster status",
        "cluster status --at-index 7 --output json",
        "cluster bootstrap --endpoints 127.0.0.1:7111,127.0.0.1:7112",
        "cluster rules activate --to 2 --document D --dry-run",
        "backup create --out b --node sh-2 --limit-mb-per-s 50 --peer-ca peer-ca.pem",
        "backup verify b --peer-ca peer-ca.pem --archive a",
        "backup verify --archive a",
        "backup follow --out a --from-backup b --once",
        "account open --uscc 91330100799655058B --name Firm --kind institution",
        "account load books.csv --document D --run a --checker-identity a/b",
        "account get --account 1 --stale-ok",
        "account list --after 100 --page-size 1000",
        "account move --account 1 --instrument CEA-2020 --from registered --quantity 5",
        "account move --account 1 --instrument CEA-2020 --from trading --quantity -5",
        "bank open --bank 102 --name ICBC",
        "bank list",
        "cash deposit --account 1 --bank 102 --amount 12.50",
        "cash deposit --account 1 --bank 102 --amount -1 --request-id a.b_c:d-e",
        "cash withdraw --account 1 --bank 102 --amount 12.50",
        "cash confirm-withdrawal --bank 102 --withdrawal 7",
        "cash reject-withdrawal --bank 102 --withdrawal 7 --reason closed",
        "cash withdrawals",
        "cash withdrawals --bank 102 --account 1 --after 7 --page-size 1000",
        "cash fee --account 1 --bank 102 --amount 1 --document D",
        "cash suspense deposit --bank 102 --amount 1 --reference R",
        "cash suspense allocate --bank 102 --account 1 --amount 1 --document D",
        "cash suspense return --bank 102 --amount 1 --document D",
        "cash reserve fund --bank 102 --amount 1 --document D",
        "cash reserve repay --account 1 --bank 102 --amount 1",
        "cash report --bank 102 --date 2021-12-16 --balance 0",
        "cash reconciliation --bank 102",
        "cash instructions --date 2021-12-16 --bank 102 --format json --out i.json",
        "instrument register --instrument CEA-2020 --reference-price 43.06",
        "instrument issue --account 1 --instrument CEA-2020 --quantity 5 --document D",
        "instrument list",
        "instrument usable-until --instrument CEA-2020 --date 2025-12-31",
        "pledge propose --account 1 --bank 102 --instrument CEA-2020 --quantity 1000 --from trading \
         --contract C --principal 20000 --maturity 2022-06-30 --reference-price 43.06 \
         --reference-date 2021-12-16 --loan-to-value-bp 5000 --warning-price 40 --disposal-price 35 \
         --cure-period-ms 86400000",
        "pledge accept --pledge 1 --version 1",
        "pledge decline --pledge 1 --version 1",
        "pledge take-back --pledge 1 --version 1",
        "pledge activate --pledge 1 --version 2 --filing-reference F",
        "pledge add --pledge 1 --version 3 --from registered --quantity 5",
        "pledge release --pledge 1 --version 3 --quantity 5",
        "pledge substitute --pledge 1 --version 3 --instrument CEA-2021 --quantity 9 --from trading \
         --reference-price 43.06 --reference-date 2021-12-16 --warning-price 40 --disposal-price 35",
        "pledge accept-substitution --pledge 1 --version 4",
        "pledge decline-substitution --pledge 1 --version 4",
        "pledge take-back-substitution --pledge 1 --version 4",
        "pledge default --pledge 1 --version 4 --claim 100 --evidence e.pdf",
        "pledge enforce --pledge 1 --version 5 --document D",
        "pledge sell --pledge 1 --date 2021-12-16 --trade t.csv",
        "pledge take-proceeds --bank 102 --amount 5",
        "pledge court-release --pledge 1 --version 5 --document D",
        "pledge verify --pledge 1 --stale-ok",
        "pledge list --account 1 --bank 102 --open --after 3 --page-size 5",
        "pledge watch --bank 102 --after 9",
        "freeze impose --account 1 --court C --document D",
        "freeze impose --account 1 --instrument CEA-2020 --quantity 5 --court C --document D",
        "freeze impose --pledge 1 --court C --document D",
        "freeze execute --freeze 1 --to 2 --quantity 5 --document D --file d.pdf",
        "freeze lift --freeze 1 --document D",
        "freeze list --account 1 --after 2 --page-size 5",
        "events list --pledge 1",
        "query overview --account 1",
        "events list --trade 2021-12-16:7",
        "query overview --account 1 --bank 102 --stale-ok",
        "query statement --account 1",
        "query statement --account 1 --from-date 2021-12-16 --to-date 2021-12-17",
        "query statement --account 1 --from-day 2021-12-16 --to-day 2021-12-17",
        "query statement --account 1 --after-event 3 --through-log-index 9 --output json",
        "query balances --account 1 --event 0",
        "query balances --account 1 --bank 102 --log-index 7",
        "query balances --account 1 --day 2021-12-16",
        "query balances --account 1 --date 2021-12-16",
        "query trade --date 2021-12-16 --trade 7 --account 1",
        "query holders --instrument CEA-2020 --after 3 --page-size 5",
        "query instruments",
        "query candles --instrument CEA-2020 --from 2021-07-16 --to 2021-12-31",
        "control list --after 3 --page-size 5",
        "control show --proposal 7",
        "control approve --proposal 7 --sha256 0123456789abcdef",
        "control decline --proposal 7 --reason no",
        "control withdraw --proposal 7",
        "cash reserve use --date 2021-12-16 --trade 7 --document D",
        "day holidays --dates 2022-01-03,2022-01-31",
        "day open --date 2021-12-16 --topup-window-ms 1000",
        "day submit --date 2021-12-16 --trades t.csv --chunk-trades 8192 --run a",
        "day manifest --date 2021-12-16 --trades t.csv",
        "day clear --date 2021-12-16",
        "day clearing --date 2021-12-16",
        "day confirm --date 2021-12-16 --trades t.csv",
        "day confirm --date 2021-12-16 --sha256 00",
        "day amend --date 2021-12-16 --trade 7 --void --reason twice",
        "day amend --date 2021-12-16 --trade 7 --replacement t.csv --reason wrong",
        "day deliver --date 2021-12-16 --after 5",
        "day held --date 2021-12-16",
        "day retry-held --date 2021-12-16 --trades 1,2",
        "day fail-held --date 2021-12-16 --trades 1",
        "day trades --date 2021-12-16 --status held",
        "day settle --date 2021-12-16 --trade t.csv",
        "day statements --date 2021-12-16",
        "day statement --date 2021-12-16 --account 1",
        "day objection raise --date 2021-12-16 --account 1 --text no",
        "day objection resolve --date 2021-12-16 --account 1 --text yes",
        "day finalize --date 2021-12-16",
        "day suspend --date 2021-12-16",
        "day resume --date 2021-12-16",
        "day show --date 2021-12-16",
        "pki issue --dir pki --role province --name 42",
        "compliance assign-province --account 1 --province 42 --document D",
        "compliance allocate --province 42 --account 1 --kind pre-allocation --instrument CEA-2025 \
         --quantity 5 --document D",
        "compliance recall --account 1 --instrument CEA-2025 --quantity 5 --document D",
        "compliance record-emissions --account 1 --year 2025 --tonnes 9 --file r.pdf",
        "compliance record-emissions --province 42 --account 1 --year 2025 --tonnes 0 --sha256 \
         309c14dbc5b2d8d2a97d56bf7331d425de70633051bb7ed3c244770940a9999c",
        "compliance correct-emissions --corrects 1 --tonnes 8 --document D --file r.pdf",
        "compliance apply --account 1 --year 2025 --instrument CEA-2025 --quantity 5",
        "compliance approve --province 42 --surrender 7",
        "compliance decline --province 42 --surrender 7 --reason no",
        "compliance carry-over --account 1 --from CEA-2024 --to CEA-2025 --quantity 5 \
         --sold-from 2024-01-01 --sold-to 2025-12-31 --document D",
        "compliance cancel --account 1 --instrument CCER --quantity 5 --beneficiary B --reason R",
        "compliance transfer --cause merger --from 1 --to 2 --document D --file d.pdf",
        "compliance transfer --cause court --from 1 --to 2 --instrument CCER --quantity 5 \
         --document D --file d.pdf",
        "compliance province --province 42",
        "compliance obligation --account 1 --year 2025 --province 42",
        "compliance shortfall --year 2025 --province 42 --all --after 3 --page-size 10",
        "compliance emissions --account 1",
        "compliance surrenders --province 42 --after 7",
        "compliance allocations --page-size 10",
        "compliance carry-overs --account 1",
        "compliance cancellations",
        "price show --instrument CEA-2020 --date 2021-12-16",
        "price list --instrument CEA-2020 --from 2021-07-16",
        "journal show",
        "journal export --out j.journal",
        "events list --after 7 --limit 5 --account 3",
        "events list --date 2021-12-16 --output json",
        "events watch --instrument CEA-2020",
        "events watch --bank 102 --after 9",
        "audit",
        "audit --file j.journal",
        "audit --file j.journal --root \
         309c14dbc5b2d8d2a97d56bf7331d425de70633051bb7ed3c244770940a9999c",
        "pki issue --dir pki --role platform --name sh-carbon",
        "inclusive quota --platform sh-carbon --grams 1000 --document D",
        "inclusive load persons.csv --platform sh-carbon --run a --first-batch 3",
        "inclusive credit day.csv --platform sh-carbon",
        "inclusive get --platform sh-carbon --owner 000102030405060708090a0b0c0d0e0f",
        "inclusive accounts --after 7 --page-size 5",
        "inclusive platforms --platform sh-carbon",
        "inclusive burn --platform sh-carbon --owner 000102030405060708090a0b0c0d0e0f --bank 102 \
         --grams 1000 --valid-for-ms 1000",
        "inclusive redeem --bank 102 --voucher 7",
        "inclusive vouchers --bank 102 --status issued --after 7",
        "events list --repo 7",
        "events list --platform 1",
        "repo propose --seller 1 --buyer 2 --seller-bank 102 --buyer-bank 103 \
         --instrument CEA-2020 --quantity 100 --opening-price 40 --return-price 41.00 \
         --return-date 2021-12-18 --grace-ms 1000 --time-to-live-ms 1000",
        "repo accept --repo 7 --account 2",
        "repo decline --repo 7 --account 1 --reason no",
        "repo return --repo 7",
        "repo return --repo 7 --account 1",
        "repo list --account 1 --state open --after 3",
        "generate-population --firms 10 --out p.csv",
        "generate-day --figures f.csv --date 2021-12-16 --population p.csv --out t.csv",
        "load-population --population p.csv --reference-price 43.06 --trades t.csv --trades-out u.csv \
         --checker-identity a/b",
        "settle-day --date 2021-12-16 --trades t.csv --registry-identity pki/registry-officer-1 \
         --exchange-identity pki/exchange-sh --cover-shortfall",
    ];
    for line in lines {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn lines_that_cannot_be_meant_are_usage_errors() {
    let lines = [
        "",
        "day",
        "day open",
        "pki init",
        "pki init --out pki --node sh-1",
        "pki issue --dir pki --role node --name sh-4",
        "account move --account 1 --instrument CEA-2020 --from pledged --quantity 5",
        "account get --account one",
        "account load books.csv",
        "account load books.csv --document D",
        "control approve --proposal 7",
        "account load --document D",
        "day confirm --date 2021-12-16",
        "day confirm --date 2021-12-16 --trades t.csv --sha256 00",
        "day amend --date 2021-12-16 --trade 7 --reason none",
        "day amend --date 2021-12-16 --trade 7 --void --replacement t.csv --reason both",
        "day submit --date 2021-12-16 --trades t.csv --chunk-trades 8193",
        "load-population --population p.csv --reference-price 1 --trades-out u.csv",
        "journal export",
        "backup create",
        "backup create --out b --limit-mb-per-s 0",
        "backup verify",
        "backup verify b",
        "backup verify --peer-ca peer-ca.pem --archive a",
        "events list --account 3 --bank 102",
        "audit --root 00",
        "audit --file j.journal --root 00",
        "audit --root 309c14dbc5b2d8d2a97d56bf7331d425de70633051bb7ed3c244770940a9999c",
        "compliance record-emissions --account 1 --year 2025 --tonnes 9",
        "compliance record-emissions --account 1 --year 2025 --tonnes 9 --file r --sha256 00",
        "freeze execute --freeze 1 --to 2 --quantity 5 --document D",
        "compliance transfer --cause theft --from 1 --to 2 --document D --file d.pdf",
        "compliance transfer --cause court --from 1 --to 2 --quantity 5 --document D --file d.pdf",
        "bank list --output yaml",
        "bank list --timeout 0",
        "bank list --request-id a/b",
    ];
    for line in lines {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn endpoints_are_comma_separated_in_order() {
    let cli = parse("bank list --endpoints a:1,b:2").expect("a good line");
    assert_eq!(cli.global.endpoints, ["a:1", "b:2"]);
}

#[test]
fn an_identity_or_three_files_are_needed() {
    let cli = parse("bank list --endpoints a:1 --ca ca.pem --cert c.pem").expect("a good line");
    if std::env::var_os("REGISTRY_IDENTITY").is_none() && std::env::var_os("REGISTRY_KEY").is_none()
    {
        let error = cli.global.connector().expect_err("no key");
        assert_eq!(crate::exit::code(&error), 2, "{error:?}");
    }
}
