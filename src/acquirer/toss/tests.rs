//! Rows of both forms, with the amounts of public examples, and hostile ones.

use super::*;
use crate::acquirer::Rows;

const SALE: &str = r#"{"mId":"m","paymentKey":"pk_1","transactionKey":"tx_1","orderId":"order-1","currency":"KRW","method":"카드","amount":64601,
"interestFee":0,"fee":1492,"supplyAmount":1356,"vat":136,"payOutAmount":63109,"fees":[{"type":"BASE","fee":1492}],
"approvedAt":"2025-02-09T06:58:32+09:00","soldDate":"2025-02-09","paidOutDate":"2025-02-13","cancel":null}"#;
/// An older payload: parts of the fee are texts, and their sum is not told.
const OLDER: &str = r#"{"paymentKey":"pk_3","orderId":"order-3","currency":"KRW","method":"카드","amount":34000,"interestFee":0,
"fees":[{"type":"BASE","fee":"800"},{"type":"INSTALLMENT","fee":"60"}],"supplyAmount":782,"vat":78,"payOutAmount":33140,
"approvedAt":"2021-12-30T12:30:09+09:00","soldDate":"2021-12-30","paidOutDate":"2022-01-01"}"#;
const CANCEL: &str = r#"{"paymentKey":"pk_1","transactionKey":"tx_1","orderId":"order-1","currency":"KRW","method":"카드","amount":-11000,"interestFee":0,
"fee":-242,"supplyAmount":-220,"vat":-22,"payOutAmount":-10758,"approvedAt":"2025-02-09T06:58:32+09:00","soldDate":"2025-02-10",
"paidOutDate":"2025-02-13","cancel":{"transactionKey":"tx_2","cancelReason":"변심","cancelAmount":11000}}"#;

fn array(items: &[&str]) -> String {
    format!("[\n{}\n]\n", items.join(",\n"))
}

#[derive(Debug, Default)]
struct Outcome {
    lines: Vec<SettlementLine>,
    rejects: Vec<String>,
    error: Option<String>,
}

fn read(bytes: &[u8], json: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let mut reader = match TossReader::open(bytes, json).map(Rows::of) {
        Ok(reader) => reader,
        Err(error) => {
            outcome.error = Some(error.to_string());
            return outcome;
        }
    };
    for row in &mut reader {
        match row {
            Ok(Row::Line(line)) => outcome.lines.push(line),
            Ok(Row::Reject(reject)) => {
                let column = reject.column.unwrap_or_default();
                outcome
                    .rejects
                    .push(format!("{} {column}: {}", reject.line, reject.reason));
            }
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    assert!(reader.next().is_none());
    outcome
}

fn told(line: &SettlementLine) -> String {
    format!(
        "{} {} {} | {} {} {} | {} -> {} | {} {} {} | {} {}",
        line.ordinal,
        line.line,
        line.record.name(),
        line.acquirer_reference.as_deref().unwrap_or("-"),
        line.original_reference.as_deref().unwrap_or("-"),
        line.merchant_reference.as_deref().unwrap_or("-"),
        line.gross.map_or_else(|| "-".to_owned(), |gross| gross.to_string()),
        line.net,
        line.commission,
        line.markup,
        line.tax,
        line.occurred_on,
        line.paid_out_on.map_or_else(|| "-".to_owned(), |day| day.to_string()),
    )
}

#[track_caller]
fn refused(text: &str, reason: &str) {
    let error = read(text.as_bytes(), true).error.expect("an error");
    assert!(error.contains(reason), "{error}");
}

#[track_caller]
fn rejected(from: &str, to: &str, reason: &str) {
    assert!(SALE.contains(from), "{from}");
    let outcome = read(array(&[SALE, &SALE.replacen(from, to, 1), SALE]).as_bytes(), true);
    assert_eq!((outcome.lines.len(), outcome.error), (2, None), "{from} {to}");
    assert!(
        outcome.rejects[0].starts_with(&format!("5 {reason}")),
        "{:?}",
        outcome.rejects
    );
}

#[test]
fn rows_of_an_array_are_read() {
    let outcome = read(array(&[SALE, OLDER, CANCEL]).as_bytes(), true);
    assert_eq!((outcome.rejects, outcome.error), (vec![], None));
    assert_eq!(
        outcome.lines.iter().map(told).collect::<Vec<_>>(),
        [
            "1 2 capture | tx_1 pk_1 order-1 | 64601 KRW -> 63109 KRW | 1356 0 136 | 2025-02-09 2025-02-13",
            "2 5 capture | pk_3 pk_3 order-3 | 34000 KRW -> 33140 KRW | 782 0 78 | 2021-12-30 2022-01-01",
            "3 8 refund | tx_2 pk_1 order-1 | -11000 KRW -> -10758 KRW | -220 0 -22 | 2025-02-10 2025-02-13",
        ]
    );
    assert_eq!(outcome.lines[2].reason.as_deref(), Some("변심"));
    assert_eq!(outcome.lines[0].raw, SALE);
    let packed = array(&[SALE, OLDER]).replace('\n', "");
    assert_eq!(read(packed.as_bytes(), true).lines.len(), 2);
    assert_eq!(read(format!("\u{feff}{packed}").as_bytes(), true).lines.len(), 2);
    assert_eq!(read(b"[]", true).lines.len(), 0);
    assert!(is_json(b" \n[") && is_json("\u{feff}[".as_bytes()) && !is_json(b"paymentKey"));
}

#[test]
fn csv_holds_the_same_rows() {
    let header = "mId,paymentKey,transactionKey,orderId,currency,method,amount,interestFee,fee,supplyAmount,vat,payOutAmount,approvedAt,\
        soldDate,paidOutDate,cancel.transactionKey,cancel.cancelReason,mobilePhone";
    let csv = format!(
        "{header}\nm,pk_1,tx_1,order-1,KRW,카드,64601,0,1492,1356,136,63109,2025-02-09T06:58:32+09:00,2025-02-09,2025-02-13,,,\n\
         m,pk_1,tx_1,order-1,KRW,카드,-11000,,,-220,-22,-10758,2025-02-09T06:58:32+09:00,2025-02-10,2025-02-13,tx_2,변심,\n"
    );
    let outcome = read(csv.as_bytes(), false);
    assert_eq!((outcome.rejects, outcome.error), (vec![], None));
    assert_eq!(
        outcome.lines.iter().map(told).collect::<Vec<_>>(),
        [
            "1 2 capture | tx_1 pk_1 order-1 | 64601 KRW -> 63109 KRW | 1356 0 136 | 2025-02-09 2025-02-13",
            "2 3 refund | tx_2 pk_1 order-1 | -11000 KRW -> -10758 KRW | -220 0 -22 | 2025-02-10 2025-02-13",
        ]
    );
    let wrong = read(csv.replace(",1356,", ",1357,").as_bytes(), false);
    assert_eq!(
        wrong.rejects,
        ["2 fee: is 1492 KRW, but supply amount and VAT are 1493 KRW"]
    );
}

#[test]
fn an_interest_fee_is_a_cost_and_fees_may_be_signed_the_other_way() {
    let line = |text: String| {
        let outcome = read(array(&[&text]).as_bytes(), true);
        assert_eq!((outcome.rejects, outcome.error), (vec![], None));
        told(&outcome.lines[0])
    };
    assert_eq!(
        line(
            SALE.replace("\"interestFee\":0", "\"interestFee\":100")
                .replace("63109", "63009")
        ),
        "1 2 capture | tx_1 pk_1 order-1 | 64601 KRW -> 63009 KRW | 1356 100 136 | 2025-02-09 2025-02-13"
    );
    let turned = SALE
        .replace(":1492", ":-1492")
        .replace(":1356", ":-1356")
        .replace(":136,", ":-136,");
    assert_eq!(
        line(turned),
        "1 2 capture | tx_1 pk_1 order-1 | 64601 KRW -> 63109 KRW | 1356 0 136 | 2025-02-09 2025-02-13"
    );
    // A sale that says it is a cancel.
    let both = SALE.replace("\"cancel\":null", "\"cancel\":{}");
    assert!(line(both).starts_with("1 2 unsupported | tx_1 pk_1 order-1 | 64601 KRW -> 63109 KRW"));
}

#[test]
fn an_eleventh_is_rounded_half_up() {
    let cases = [
        (0, 0),
        (5, 0),
        (6, 1),
        (11, 1),
        (16, 1),
        (17, 2),
        (1492, 136),
        (859_950, 78_177),
        (-6, -1),
        (-1492, -136),
    ];
    for (fee, vat) in cases {
        assert_eq!(eleventh(fee), Some(vat), "{fee}");
    }
}

#[test]
fn rows_that_are_not_what_they_say_are_rejected() {
    rejected(
        "\"vat\":136,",
        "\"vat\":137,",
        "fee: is 1492 KRW, but supply amount and VAT are 1493 KRW",
    );
    rejected(
        "\"supplyAmount\":1356,\"vat\":136",
        "\"supplyAmount\":1355,\"vat\":137",
        "vat: is 137 KRW, but an eleventh of the fee 1492 KRW is 136 KRW",
    );
    rejected(
        "63109",
        "63108",
        "payOutAmount: amount 64601 KRW less interest fee 0 KRW and fee 1492 KRW is not 63108 KRW",
    );
    rejected(
        "\"fee\":1492}",
        "\"fee\":1491}",
        "fee: is 1492 KRW, but its parts are 1491 KRW",
    );
    rejected("64601", "64601.5", "amount: must be a whole number");
    rejected("64601", "\"64,601\"", "amount: `64,601` is not an amount");
    rejected("64601", "0", "amount: is nothing");
    rejected("64601", "null", "amount: is empty");
    rejected("64601", "92233720368547758080", "amount: ");
    rejected("\"currency\":\"KRW\",", "", "currency: is empty");
    rejected("KRW", "krw", "currency: ");
    rejected("order-1", "4111111111111111", "orderId: holds a card number");
    rejected("order-1", "a\\u0000b", "orderId: holds a control");
    rejected(
        "2025-02-13",
        "2025-02-08",
        "paidOutDate: is 2025-02-08, before it was sold on 2025-02-09",
    );
    rejected("2025-02-13", "2025-02-30", "paidOutDate: ");
    rejected("06:58:32+09:00", "06:58:32", "approvedAt: ");
    rejected("\"mId\":\"m\"", "\"amount\":1", ": on line 5: duplicate field `amount`");
    rejected("\"mId\":\"m\"", "mId:\"m\"", ": ");
}

#[test]
fn what_is_no_array_of_objects_ends_the_file() {
    refused("", "line 1: it must be a JSON array of objects");
    refused("{}", "line 1: it must be a JSON array of objects");
    refused("\u{feff}{}", "it must be a JSON array of objects");
    refused("[1]", "a row that is no object");
    refused("[[]]", "a row that is no object");
    refused("[", "the array is never closed");
    refused("[{}", "the array is never closed");
    refused("[{},]", "a row that is no object");
    refused("[{}{}]", "no comma between two rows");
    refused("[{}]\nx", "line 2: text after the end of the array");
    refused("[{}][{}]", "text after the end of the array");
    refused("[\n{\"a\":\"", "the row that begins on line 2 is cut off");
    refused(&format!("[{{\"a\":{}", "[".repeat(20)), "more than 16 levels deep");
    refused(
        &format!("[{{\"a\":\"{}\"}}]", "x".repeat(RECORD_LIMIT)),
        "longer than 1000000 bytes",
    );
    assert_eq!(read(b"[{\"a\":\"\xff\"}]", true).rejects, ["1 : is not valid UTF-8"]);
    let whole = array(&[SALE, CANCEL]);
    for end in 0..whole.len() - 2 {
        assert!(read(&whole.as_bytes()[..end], true).error.is_some(), "cut at {end}");
    }
}

#[test]
fn noise_never_panics() {
    let whole = array(&[SALE, CANCEL]).into_bytes();
    for (place, byte) in
        (0..whole.len()).flat_map(|place| [0_u8, b',', b'"', b'\\', b'}', b'9', 0xff].map(|byte| (place, byte)))
    {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        let outcome = read(&bytes, true);
        assert!(outcome.lines.len() + outcome.rejects.len() <= 3);
    }
}
