//! Canonical bytes: golden, and everything else refused.

use super::super::*;
use super::story::*;

/// An issue as the ledger wrote it.
const GOLDEN_ISSUE: &str = "01080880c08aa4b85f1272656769737472792f6f6666696365722d31071ae78eafe58a9ee6b094e58099e3809432303231e3809539e58fb70201014345412d323032300180ade204024345412d3230323001fface204";

fn from_hex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_ledger_s_bytes_are_read_and_written() {
    let bytes = from_hex(GOLDEN_ISSUE);
    let event = Event::from_bytes(&bytes).expect("an event");
    assert_eq!((event.number, event.log_index, event.ledger_time_ms), (8, 8, 1_639_641_600_000));
    assert_eq!(event.actor, "registry/officer-1");
    assert_eq!(event.what, What::Issued { document: "环办气候〔2021〕9号".to_owned() });
    let [Posting::Goods { account: 1, tonnes, .. }, Posting::GoodsPot { tonnes: from, .. }] =
        event.postings[..]
    else {
        panic!("{event:?}");
    };
    assert_eq!(tonnes, -from);
    assert_eq!(event.to_bytes(), bytes);
}

#[test]
fn every_kind_survives_and_no_other_length_does() {
    for step in life() {
        let bytes = step.event.to_bytes();
        assert_eq!(Event::from_bytes(&bytes).as_ref(), Ok(&step.event));
        for end in 0..bytes.len() {
            assert!(Event::from_bytes(&bytes[..end]).is_err(), "{end} bytes of {:?}", step.event);
        }
        let longer = [&bytes[..], &[0]].concat();
        let error = Event::from_bytes(&longer).expect_err("a byte more");
        assert!(error.problem.contains("left over"), "{error}");
    }
}

#[test]
fn bytes_that_are_not_the_only_encoding_are_refused() {
    let step = &life()[0];
    let bytes = step.event.to_bytes();
    // Format, number, log index, five bytes of time and the actor come before.
    let kind = bytes.len() - "test".len() - "dual-city".len() - 4;
    assert_eq!(bytes[kind], 25);
    let with = |at: usize, new: &[u8]| [&bytes[..at], new, &bytes[at + 1..]].concat();
    let cases = [
        ("another format", with(0, &[2]), "format 2"),
        ("an unknown kind", with(kind, &[26]), "kind of event 26 is unknown"),
        ("a number in two bytes", with(1, &[0x81, 0]), "shortest"),
        ("a number of 65 bits", with(1, &[&[0xff; 9][..], &[2]].concat()), "64 bits"),
        ("text that is no UTF-8", with(kind + 2, &[0xff]), "UTF-8"),
        ("text without an end", with(kind + 1, &[0x7f]), "are left"),
        (
            "an unknown posting",
            [&bytes[..bytes.len() - 1], &[1, 9]].concat(),
            "posting 9 is unknown",
        ),
        ("more postings than bytes", with(bytes.len() - 1, &[0xff, 0x7f]), "are left"),
    ];
    for (case, bytes, problem) in cases {
        let error = Event::from_bytes(&bytes).expect_err(case);
        assert!(error.problem.contains(problem), "{case}: {error}");
        let finding = Auditor::default().read(&bytes).expect_err(case);
        assert_eq!((finding.event, finding.what.as_str()), (1, "canonical bytes"), "{case}");
    }
}

#[test]
fn small_values_have_their_bounds() {
    fn refused<T: Wire + std::fmt::Debug>(bytes: &[u8], problem: &str) {
        let error = Reader::new(bytes).read::<T>().expect_err(problem);
        assert!(error.problem.contains(problem), "{bytes:?}: {error}");
    }
    refused::<bool>(&[2], "no flag");
    refused::<Option<u8>>(&[2, 1], "no flag");
    refused::<u32>(&[0x80, 0x80, 0x80, 0x80, 0x10], "32 bits");
    refused::<Date>(&20_211_301_u32.to_be_bytes(), "no date");
    refused::<Date>(&20_210_229_u32.to_be_bytes(), "no date");
    refused::<Instrument>(b"CE\0-2020", "no instrument");
    refused::<Instrument>(b"\0\0\0\0\0\0\0\0", "no instrument");
    refused::<Instrument>(b"CEA 2020", "no instrument");
    refused::<PositionPart>(&[7], "no PositionPart");
    refused::<GoodsPot>(&[2], "no GoodsPot");
    refused::<CashPart>(&[0], "no CashPart");
    refused::<CashPot>(&[8], "no CashPot");
    refused::<TradeMark>(&[13], "no TradeMark");
    refused::<FreePart>(&[3], "no FreePart");
    refused::<HolderKind>(&[4], "no HolderKind");
    for value in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN] {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        assert_eq!(Reader::new(&bytes).read::<i64>(), Ok(value));
    }
    let mut bytes = Vec::new();
    300_u64.put(&mut bytes);
    assert_eq!(bytes, [0xac, 0x02]);
}
