use proptest::prelude::*;

use super::*;
use crate::acquirer::Rows;

const ASCII: &[u8] = include_bytes!("../../../fixtures/formats/ipm/ascii.ipm");
const ASCII_BLOCKED: &[u8] = include_bytes!("../../../fixtures/formats/ipm/ascii-blocked.ipm");
const EBCDIC: &[u8] = include_bytes!("../../../fixtures/formats/ipm/ebcdic.ipm");
const EBCDIC_BLOCKED: &[u8] = include_bytes!("../../../fixtures/formats/ipm/ebcdic-blocked.ipm");

/// What a reader hands out, as text, and what the file claims.
fn told(bytes: &[u8]) -> (Vec<String>, Vec<Claim>) {
    let mut reader = match IpmReader::open(bytes).map(Rows::of) {
        Ok(reader) => reader,
        Err(error) => return (vec![format!("! {error}")], Vec::new()),
    };
    let mut told = Vec::new();
    for row in reader.by_ref() {
        told.push(match row {
            Ok(Row::Line(line)) => line_text(&line),
            Ok(Row::Reject(reject)) => {
                format!(
                    "{} {}: {}",
                    reject.line,
                    reject.column.as_deref().unwrap_or("-"),
                    reject.reason
                )
            }
            Err(error) => format!("! {error}"),
        });
    }
    assert!(reader.next().is_none(), "nothing after the end");
    (told, reader.claims().claims.clone())
}

fn line_text(line: &SettlementLine) -> String {
    let gross = line.gross.map_or_else(|| "-".to_owned(), |gross| gross.to_string());
    let rate = line
        .exchange_rate
        .map_or_else(String::new, |rate| format!(" rate {rate}"));
    let arn = line
        .arn
        .as_deref()
        .or(line.acquirer_reference.as_deref())
        .unwrap_or("-");
    format!(
        "{} {} {} [{}] {arn} {} gross {gross} net {} interchange {}{rate}",
        line.ordinal,
        line.line,
        line.record.name(),
        line.type_text,
        line.occurred_on,
        line.net,
        line.interchange
    )
}

/// Worked out by hand from what was given to the other writer.
#[test]
fn files_of_another_writer_are_read() {
    let expected = [
        "1 2 capture [1240/200/00] 12345678901234567890123 2026-03-01 gross 100.00 EUR net 100.00 EUR interchange 0",
        "2 3 refund [1240/200/20] 12345678901234567890131 2026-03-01 gross -25.00 EUR net -25.00 EUR interchange 0",
        "3 4 capture [1240/200/00] 12345678901234567890149 2026-03-01 gross 50.00 GBP net 56.20 EUR interchange 30 rate 1.13",
        "4 5 capture [1240/200/09] 12345678901234567890156 2026-03-01 gross 5000 JPY net 5000 JPY interchange 0",
        "5 6 capture [1240/200/00] 12345678901234567890164 2026-03-01 gross 12.345 KWD net 12.345 KWD interchange 0",
        "6 8 chargeback [1442/450/00] 12345678901234567890123 2026-03-01 gross -100.00 EUR net -100.00 EUR interchange 0",
        "7 9 chargeback_reversal [1240/282/00] 12345678901234567890123 2026-03-01 gross 40.00 EUR net 40.00 EUR interchange 0",
        "8 10 chargeback_reversal [1442/453/00 reversed] 12345678901234567890123 2026-03-01 gross 10.00 EUR net 10.00 EUR interchange 0",
        "9 11 refund_failure [1240/200/20 reversed] 12345678901234567890131 2026-03-01 gross 25.00 EUR net 25.00 EUR interchange 0",
        "10 12 unsupported [1240/200/00 reversed] 12345678901234567890172 2026-03-01 gross -7.00 EUR net -7.00 EUR interchange 0",
        "11 13 batch_fee [1740/783/19] FEE0000001 2026-03-02 gross - net -1.50 EUR interchange 0",
        "12 14 batch_fee [1740/700/29] FEE0000002 2026-03-02 gross - net 0.40 EUR interchange 0",
    ];
    for file in [ASCII, ASCII_BLOCKED, EBCDIC, EBCDIC_BLOCKED] {
        let (lines, claims) = told(file);
        assert_eq!(lines, expected);
        let told: Vec<(i128, i128)> = claims.iter().map(|claim| (claim.stated, claim.read)).collect();
        assert_eq!(told, [(15, 15), (53_235, 53_235)]);
    }
}

// Records by hand ----------------------------------------------------------------------------------------------------

/// A message: its type, its elements by number, its subelements in DE 48.
fn message(message_type: &str, elements: &[(usize, &str)], subelements: &[(&str, &str)]) -> Vec<u8> {
    let pds: String = subelements
        .iter()
        .map(|(tag, text)| format!("{tag}{:03}{text}", text.len()))
        .collect();
    let mut all: Vec<(usize, String)> = elements
        .iter()
        .map(|(number, text)| (*number, (*text).to_owned()))
        .collect();
    if !pds.is_empty() {
        all.push((48, pds));
    }
    all.sort();
    let mut bitmap = 1_u128 << 127;
    let mut body = String::new();
    for (number, text) in all {
        bitmap |= 1_u128 << 127 >> number.saturating_sub(1);
        match number {
            2 | 31 | 43 | 94 => body.push_str(&format!("{:02}{text}", text.len())),
            48 | 55 | 72 => body.push_str(&format!("{:03}{text}", text.len())),
            _ => body.push_str(&text),
        }
    }
    [message_type.as_bytes(), &bitmap.to_be_bytes()[..], body.as_bytes()].concat()
}

fn stream(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend_from_slice(&u32::try_from(record.len()).expect("a length").to_be_bytes());
        bytes.extend_from_slice(record);
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

fn blocked(stream: &[u8]) -> Vec<u8> {
    let blocks = stream.chunks(1012).flat_map(|chunk| {
        let mut block = chunk.to_vec();
        block.resize(1014, 0x40);
        block
    });
    blocks.collect()
}

fn header() -> Vec<u8> {
    message(
        "1644",
        &[(24, "697"), (71, "00000001")],
        &[("0105", "F1"), ("0122", "P")],
    )
}

fn trailer(messages: usize, amounts: u64) -> Vec<u8> {
    let (number, amounts) = (format!("{messages:08}"), format!("{amounts:016}"));
    let pds = [("0105", "F1"), ("0301", amounts.as_str()), ("0306", number.as_str())];
    message("1644", &[(24, "695"), (71, &number)], &pds)
}

const SALE: [(usize, &str); 8] = [
    (2, "5413330089020011"),
    (3, "000000"),
    (4, "000000010000"),
    (12, "260301090102"),
    (24, "200"),
    (31, "12345678901234567890123"),
    (49, "978"),
    (71, "00000002"),
];

/// The one message of a file: a sale with some elements replaced, or added.
fn sale(changes: &[(usize, &str)], pds: &[(&str, &str)]) -> Vec<u8> {
    let mut elements: Vec<(usize, &str)> = SALE.to_vec();
    for (number, text) in changes {
        elements.retain(|(known, _)| known != number);
        if !text.is_empty() {
            elements.push((*number, text));
        }
    }
    message("1240", &elements, pds)
}

fn file_of(record: Vec<u8>) -> Vec<u8> {
    stream(&[header(), record, trailer(3, 10_000)])
}

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    let (told, _) = told(bytes);
    assert!(told.iter().any(|line| line.contains(expected)), "{expected}\n{told:#?}");
}

const EUR: (&str, &str) = ("0148", "9782");

#[test]
fn a_record_that_cannot_be_read_is_named_with_its_element() {
    let refused = |changes: &[(usize, &str)], pds: &[(&str, &str)], expected: &str| {
        check(&file_of(sale(changes, pds)), expected);
    };
    refused(
        &[],
        &[EUR],
        "1 2 capture [1240/200/00] 12345678901234567890123 2026-03-01 gross 100.00 EUR",
    );
    refused(&[], &[], "2 PDS0148: does not say how many decimals currency 978 has");
    refused(&[], &[("0148", "978")], "2 PDS0148: must be of three digits");
    refused(&[(49, "999")], &[EUR], "2 DE49: `999` is not the number of a currency");
    refused(&[(49, "XYZ")], &[EUR], "2 DE49: is not made of digits");
    refused(&[(4, "0000000100.0")], &[EUR], "2 DE4: is not made of digits");
    refused(&[(4, "")], &[EUR], "2 DE4: is not there");
    refused(
        &[(4, "000000010001")],
        &[("0148", "9783")],
        "2 DE4: `000000010001` with 3 decimals does not fit EUR",
    );
    refused(&[], &[("0148", "9783")], "gross 10.00 EUR");
    refused(&[(4, "999999999999")], &[("0148", "9780")], "gross 999999999999.00 EUR");
    refused(&[(3, "300000")], &[EUR], "2 DE3: `30` does not say where the money");
    refused(
        &[(24, "999")],
        &[EUR],
        "2 DE24: `999` is not a function code of messages 1240",
    );
    refused(&[(12, "260230090102")], &[EUR], "2 DE12: `260230090102` is not a time");
    refused(&[(12, "260301240000")], &[EUR], "2 DE12: `260301240000` is not a time");
    refused(&[(31, "")], &[EUR], "capture [1240/200/00] - 2026");
    refused(&[(31, "5413330089020011")], &[EUR], "2 DE31: holds a card number");
    refused(&[], &[EUR, ("0025", "X260301")], "2 PDS0025: must begin with `R`");
    refused(&[], &[EUR, ("0025", "\u{e9}")], "2 PDS0025: must begin with `R`");
    refused(
        &[(71, "00000003")],
        &[EUR],
        "! record 2: DE71 numbers the message 00000003, but it is message 2",
    );
    refused(
        &[(5, "000000011300"), (50, "840")],
        &[EUR],
        "2 PDS0148: does not say how many decimals currency 840 has",
    );
    refused(
        &[(5, "000000011300"), (50, "978")],
        &[EUR],
        "2 DE5: is 113.00 EUR, but DE4 is 100.00 EUR",
    );
    let both = ("0148", "97828402");
    let rate = |rate: &'static str| [(5, "000000011300"), (9, rate), (50, "840")];
    refused(&rate("61130000"), &[both], "net 113.00 USD interchange 0 rate 1.13");
    refused(
        &rate("61130200"),
        &[both],
        "2 DE9: 1.130200 does not lead from 100.00 EUR to 113.00 USD",
    );
    refused(&rate("X1130000"), &[both], "2 DE9: is not made of digits");
    let fee = |text: &'static str| [EUR, ("0146", text)];
    refused(
        &[],
        &fee("002901978000000000123978000000000123"),
        "net 98.77 EUR interchange 123",
    );
    refused(
        &[],
        &fee("001901978000000000123978000000000123"),
        "net 101.23 EUR interchange -123",
    );
    refused(
        &[],
        &fee("00290197800000000012397800000000012"),
        "2 PDS0146: must be of 36 digits",
    );
    refused(
        &[],
        &fee("002902978000000000123978000000000123"),
        "2 PDS0146: `02` is not a known settlement indicator",
    );
    refused(
        &[],
        &fee("003901978000000000123978000000000123"),
        "2 PDS0146: `39` is not a processing code",
    );
    let other = message("1241", &SALE, &[EUR]);
    check(&file_of(other), "2 MTI: `1241` is not a message of clearing files");
}

#[test]
fn damage_is_named_with_its_record() {
    let sale = || sale(&[], &[EUR]);
    check(b"", "! record 1: not an IPM file");
    check(&stream(&[]), "! record 1: not an IPM file");
    check(
        &stream(&[sale(), trailer(2, 10_000)]),
        "! record 1: a message outside of header and trailer",
    );
    check(
        &stream(&[header(), sale()]),
        "! record 3: the file ends without a trailer",
    );
    check(
        &stream(&[header(), header()]),
        "! record 2: a header before the trailer",
    );
    check(
        &stream(&[header(), trailer(2, 0), trailer(1, 0)]),
        "! record 3: a trailer without a header",
    );
    check(
        &stream(&[header(), trailer(2, 0), sale()]),
        "! record 3: a message outside",
    );
    let renamed = message(
        "1644",
        &[(24, "695"), (71, "00000002")],
        &[("0105", "F2"), ("0301", "0"), ("0306", "2")],
    );
    check(
        &stream(&[header(), renamed]),
        "! record 2: PDS0105 is `F2`, but the header's is `F1`",
    );
    let without = message(
        "1644",
        &[(24, "695"), (71, "00000002")],
        &[("0105", "F1"), ("0306", "2")],
    );
    check(&stream(&[header(), without]), "! record 2: PDS0301 is not there");
    let test = message(
        "1644",
        &[(24, "697"), (71, "00000001")],
        &[("0105", "F1"), ("0122", "T")],
    );
    check(&stream(&[test]), "! record 1: PDS0122 says that the file is a test");
    let mut unknown = sale();
    unknown[4 + 14] |= 0b0000_1000;
    check(
        &file_of(unknown),
        "2 DE117: is not an element that these messages carry",
    );
    let mut long = sale();
    long.push(b'0');
    check(&file_of(long), "2 -: has 1 bytes after its last data element");
    let mut short = sale();
    short.pop();
    check(&file_of(short), "2 DE71: has 8 bytes, but the record has 7 left");
    let mut ebcdic = sale();
    ebcdic[..4].copy_from_slice(&[0xf1, 0xf2, 0xf4, 0xf0]);
    check(&file_of(ebcdic), "2 -: does not begin with a type of four digits");
    let whole = file_of(sale());
    let mut more = whole.clone();
    more.push(0);
    check(&more, "! record 4: the file goes on after the mark of its end");
    let mut huge = whole.clone();
    let second = 4 + header().len();
    huge[second..second + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    check(&huge, "! record 2: its length is 4294967295 bytes");
    let mut tagless = Vec::from("1240");
    tagless.extend_from_slice(&(1_u128 << 127 | 1 << (128 - 48)).to_be_bytes());
    tagless.extend_from_slice(b"0050148X");
    check(&file_of(tagless), "2 DE48: holds a subelement without tag and length");
}

#[test]
fn the_claims_of_the_trailer_are_what_it_says() {
    let sale = || sale(&[], &[EUR]);
    let claims = |messages, amounts| told(&stream(&[header(), sale(), trailer(messages, amounts)])).1;
    let figures =
        |claims: Vec<Claim>| -> Vec<(i128, i128)> { claims.iter().map(|claim| (claim.stated, claim.read)).collect() };
    assert_eq!(figures(claims(3, 10_000)), [(3, 3), (10_000, 10_000)]);
    assert_eq!(figures(claims(3, 10_001)), [(3, 3), (10_001, 10_000)]);
    // Two logical files in one, with a claim each.
    let both = stream(&[header(), sale(), trailer(3, 10_000), header(), sale(), trailer(3, 1)]);
    assert_eq!(figures(told(&both).1), [(3, 3), (10_000, 10_000), (3, 3), (1, 10_000)]);
}

#[test]
fn blocks_are_told_from_records() {
    // Of every length around the borders of blocks, and with 0x40 where a block would end.
    for filler in (0..2_100).step_by(7).chain(900..960) {
        let texts: Vec<String> = (0..3).map(|_| "@".repeat(filler.min(999))).collect();
        let mut records = vec![header()];
        for (place, text) in (2..).zip(&texts) {
            let number = format!("{place:08}");
            records.push(sale(&[(71, &number), (72, text)], &[EUR]));
        }
        records.push(trailer(5, 30_000));
        let plain = stream(&records);
        let expected = told(&plain);
        assert_eq!(expected.0.len(), 3, "{:?}", expected.0);
        assert_eq!(told(&blocked(&plain)), expected, "with texts of {filler}");
    }
}

#[test]
fn what_else_a_message_says_is_kept() {
    let rows = IpmReader::open(ASCII).map(Rows::of).expect("a file");
    let lines: Vec<SettlementLine> = rows
        .filter_map(|row| match row.expect("a row") {
            Row::Line(line) => Some(line),
            Row::Reject(_) => None,
        })
        .collect();
    let texts = |line: &SettlementLine| {
        [&line.rrn, &line.auth_code, &line.card, &line.reason].map(|text| text.clone().unwrap_or_default())
    };
    assert_eq!(texts(&lines[0]), ["606009000001", "A1B2C3", "0011", ""]);
    assert_eq!(texts(&lines[2]), ["606009000003", "Z9", "0011", ""]);
    assert_eq!(texts(&lines[5]), ["606009000001", "A1B2C3", "0011", "4837"]);
    assert_eq!(texts(&lines[10]), ["", "", "", "7621"]);
}

/// What was read and what was not, of lines and of rejects alike.
#[test]
fn every_element_is_kept_as_it_came() {
    let place = "SHOP 7\\HIGH ST\\OSLO\\  NOR";
    let others = [(26, "5812"), (43, place), (72, "a\0b\u{1}c"), (94, "00000012345")];
    let raw = |more: &[(usize, &str)], subelements: &[(&str, &str)]| {
        let elements = [&others[..], more].concat();
        let bytes = file_of(sale(&elements, &[&[EUR][..], subelements].concat()));
        let mut rows = IpmReader::open(&bytes[..]).map(Rows::of).expect("a file");
        match rows.next().expect("one").expect("a row") {
            Row::Line(line) => line.raw,
            Row::Reject(reject) => format!("! {}", reject.raw),
        }
    };
    let line = raw(&[], &[("0158", "MCC1 EEA")]);
    for part in [
        " DE26=5812",
        " DE43=SHOP 7\\HIGH ST\\OSLO\\  NOR",
        " DE72=a\\x00b\\x01c",
        " DE94=00000012345",
        " PDS0148=9782",
        " PDS0158=MCC1 EEA",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let reject = raw(&[(9, "99999999")], &[("0158", "MCC1 EEA"), ("0025", "X")]);
    assert!(reject.starts_with("! 1240 DE2=541333******0011"), "{reject}");
    assert!(
        reject.contains("DE94=00000012345") && reject.contains("PDS0025=X"),
        "{reject}"
    );
}

#[test]
fn no_card_number_is_kept() {
    let track = sale(
        &[
            (14, "2812"),
            (55, "5A085413330089020011"),
            (72, "card 5413330089020011"),
        ],
        &[EUR],
    );
    let bytes = file_of(track);
    let reader = IpmReader::open(&bytes[..]).map(Rows::of).expect("a file");
    for row in reader {
        let text = format!("{row:?}");
        assert!(!text.contains("5413330089020011"), "{text}");
        assert!(text.contains("DE2=541333******0011 "), "{text}");
        assert!(text.contains(" DE14(4) ") && text.contains(" DE55(20) "), "{text}");
    }
    // A number that is no card number by its digits is masked all the same.
    assert_eq!(masked("5413330089020012"), "541333******0012");
    assert_eq!(masked("123456"), "******");
}

#[test]
fn a_file_that_is_cut_off_says_so() {
    for whole in [ASCII, EBCDIC_BLOCKED] {
        for end in 0..whole.len() {
            let (lines, _) = told(&whole[..end]);
            let last = lines.last().map_or("", String::as_str);
            assert!(last.starts_with("! "), "cut at {end}: {lines:#?}");
        }
    }
}

proptest! {
    #[test]
    fn any_damage_is_told_and_none_panics(
        file in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = [ASCII, ASCII_BLOCKED, EBCDIC, EBCDIC_BLOCKED][file].to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        told(&bytes);
    }

    #[test]
    fn any_bytes_are_no_file(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        told(&bytes);
        let mut begun = file_of(sale(&[], &[EUR]));
        begun.truncate(80);
        begun.extend_from_slice(&bytes);
        told(&begun);
    }
}
