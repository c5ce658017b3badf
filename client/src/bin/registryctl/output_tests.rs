//! One record feeds tables and JSON.

use super::*;

fn page() -> Page {
    Page::default()
        .one(Record::default().with("date", "2021-12-16").with("amount_yuan", "1.00"))
        .many("banks", vec![Record::default().with("bank_id", 102).with("hash", "a".repeat(64))])
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
    page().write_tables(&mut out, false).expect("writing to memory");
    let text = String::from_utf8(out).expect("UTF-8");
    for part in ["amount yuan", "1.00", "banks:", "102", "aaaaaaaaaaaaaaaa…", "term 3"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_list_leaves_out_columns_that_say_nothing() {
    let row = |id: u64, at: i64, said: &str| {
        let row = Record::default().with("pledge_id", id).with("cure_deadline_ms", at);
        row.with("claim_yuan", said).with("filing", "")
    };
    let list = || Page::default().many("pledges", vec![row(1, 0, ""), row(2, 0, "9.00")]);
    let mut out = Vec::new();
    list().write_tables(&mut out, false).expect("writing to memory");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.contains("claim yuan") && !text.contains("deadline"), "{text}");
    assert!(!text.contains("filing"), "{text}");
    assert_eq!(list().into_json()["pledges"][0]["cure_deadline_ms"], 0);
}

#[test]
fn wide_columns_are_shown_when_asked_for_and_always_to_programs() {
    let list = || {
        let row = Record::default().with("pledge_id", 1).with_wide("filing", "F 9");
        Page::default().many("pledges", vec![row.and(Record::default().with("bank", 102))])
    };
    let table = |wide| {
        let mut out = Vec::new();
        list().write_tables(&mut out, wide).expect("writing to memory");
        String::from_utf8(out).expect("UTF-8")
    };
    assert!(!table(false).contains("filing") && table(false).contains("102"));
    assert!(table(true).contains("F 9"), "{}", table(true));
    assert_eq!(list().into_json()["pledges"][0]["filing"], "F 9");
    let one = Page::default().one(Record::default().with_wide("filing", "F 9"));
    let mut out = Vec::new();
    one.write_tables(&mut out, false).expect("writing to memory");
    assert!(String::from_utf8(out).expect("UTF-8").contains("F 9"));
}

#[test]
fn words_are_for_people_and_values_for_programs() {
    let held = serde_json::json!([{ "instrument": "CEA-2020", "total_tco2e": "558" }]);
    let row = || Record::default().with_words("held", held.clone(), "CEA-2020:558".to_owned());
    assert_eq!(row().into_json()["held"], held);
    assert_eq!(cells(&row()), ["CEA-2020:558"]);
}

#[test]
fn an_empty_list_says_so() {
    let mut out = Vec::new();
    Page::default().many("held_trades", vec![]).write_tables(&mut out, false).expect("memory");
    assert_eq!(String::from_utf8(out).expect("UTF-8"), "no held trades\n");
}

#[test]
fn moments_are_beijing_time_for_people_and_milliseconds_for_programs() {
    let page =
        || Page::default().one(Record::default().with("traded_at_ms", 1_639_618_200_000_i64));
    let mut out = Vec::new();
    page().write_tables(&mut out, false).expect("writing to memory");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.contains("traded at ") && text.contains("2021-12-16T09:30:00.000+08:00"));
    assert_eq!(page().into_json()["traded_at_ms"], 1_639_618_200_000_i64);
    assert_eq!(shown("topup_deadline_ms", &Value::from(0)), "");
    assert_eq!(shown("elapsed_ms", &Value::from(7)), "7");
}

#[test]
fn details_are_for_programs_only() {
    let page = || Page::default().one(Record::default().with("a", 1).with_detail("b", "long"));
    let mut out = Vec::new();
    page().write_tables(&mut out, false).expect("writing to memory");
    assert!(!String::from_utf8(out).expect("UTF-8").contains("long"));
    assert_eq!(page().into_json()["b"], "long");
}
