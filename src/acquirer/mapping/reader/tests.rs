use proptest::prelude::*;

use super::super::{DatePattern, Days, Flags, Numbers, Scale, ScaleTable};
use super::*;
use crate::acquirer::Rows;
use crate::delimited::{Dialect, Encoding};

/// A profile of signed amounts with a commission, whose columns are called as the fields are.
fn profile() -> Profile {
    let texts = [
        Text::Type,
        Text::OccurredOn,
        Text::Currency,
        Text::AcquirerReference,
        Text::Batch,
    ];
    let amounts = [Amount::Gross, Amount::Commission, Amount::Net];
    let types = [
        ("SALE", RecordType::Capture),
        ("BACK", RecordType::Refund),
        ("FEE", RecordType::BatchFee),
        ("PAID", RecordType::Payout),
    ];
    Profile {
        name: "test".to_owned(),
        dialect: Dialect::default(),
        preamble: 0,
        header: None,
        trailer: Vec::new(),
        numbers: Numbers::default(),
        scale: ScaleTable::default(),
        days: Days {
            pattern: DatePattern::parse("YYYY-MM-DD").expect("a pattern"),
            time_zone: None,
            day_zone: None,
        },
        texts: texts.into_iter().map(|text| (text, text.name().to_owned())).collect(),
        amounts: amounts
            .into_iter()
            .map(|amount| (amount, Columns::Signed(amount.name().to_owned())))
            .collect(),
        costs_are_negative: false,
        flags: Flags::default(),
        types: types
            .into_iter()
            .map(|(word, record)| (word.to_owned(), record))
            .collect(),
        unread: Vec::new(),
        claims: Vec::new(),
    }
}

const HEADER: &str = "type,occurred_on,currency,acquirer_reference,batch,gross,commission,net";

/// What a file comes to, as text.
fn told(bytes: &[u8], profile: Profile) -> Vec<String> {
    let mut reader = match MappingReader::open(bytes, Arc::new(profile)).map(Rows::of) {
        Ok(reader) => reader,
        Err(error) => return vec![format!("! {error}")],
    };
    let mut told = Vec::new();
    for row in reader.by_ref() {
        told.push(match row {
            Ok(Row::Line(line)) => format!(
                "{} {} {} {} gross {} net {} costs {}/{}/{}/{}{}",
                line.line,
                line.record.name(),
                line.acquirer_reference.as_deref().unwrap_or("-"),
                line.occurred_on,
                line.gross.map_or_else(|| "-".to_owned(), |gross| gross.to_string()),
                line.net,
                line.commission,
                line.markup,
                line.scheme_fee,
                line.interchange,
                line.exchange_rate
                    .map_or_else(String::new, |rate| format!(" rate {rate}")),
            ),
            Ok(Row::Reject(reject)) => {
                let column = reject.column.as_deref().unwrap_or("-");
                format!("{} {column}: {}", reject.line, reject.reason)
            }
            Err(error) => format!("! {error}"),
        });
    }
    told.extend(reader.claims().claims.iter().map(|claim| {
        let currency = claim
            .currency
            .map_or_else(|| "-".to_owned(), |currency| currency.to_string());
        format!("{}: {} {} {currency}", claim.what, claim.stated, claim.read)
    }));
    told
}

#[track_caller]
fn check(rows: &str, profile: Profile, expected: &[&str]) {
    assert_eq!(told(rows.as_bytes(), profile), expected, "{rows}");
}

#[track_caller]
fn row(row: &str, expected: &str) {
    check(&format!("{HEADER}\n{row}\n"), profile(), &[expected]);
}

#[test]
fn a_row_is_read_and_proven() {
    row(
        "SALE,2026-03-01,EUR,c1,b,100.00,3.20,96.80",
        "2 capture c1 2026-03-01 gross 100.00 EUR net 96.80 EUR costs 320/0/0/0",
    );
    row(
        "BACK,2026-03-01,EUR,r1,b,-25,,-25",
        "2 refund r1 2026-03-01 gross -25.00 EUR net -25.00 EUR costs 0/0/0/0",
    );
    row(
        "SALE,2026-03-01,JPY,c1,b,1200.00,36,1164",
        "2 capture c1 2026-03-01 gross 1200 JPY net 1164 JPY costs 36/0/0/0",
    );
    row(
        "FEE,2026-03-01,EUR,,b,-0.30,,-0.30",
        "2 batch_fee - 2026-03-01 gross - net -0.30 EUR costs 0/0/0/0",
    );
    row(
        "NEW,2026-03-01,EUR,x,b,5.00,0,5.00",
        "2 unsupported x 2026-03-01 gross - net 5.00 EUR costs 0/0/0/0",
    );
    // Money that goes the other way than its type says.
    row(
        "SALE,2026-03-01,EUR,c1,b,-5.00,0,-5.00",
        "2 unsupported c1 2026-03-01 gross -5.00 EUR net -5.00 EUR costs 0/0/0/0",
    );
}

#[test]
fn a_row_that_cannot_be_read_names_line_and_column() {
    row(
        "SALE,2026-03-01,EUR,c1,b,100.00,3.20,96.79",
        "2 -: gross 100.00 EUR less costs of 3.20 EUR is 96.80 EUR, but net is 96.79 EUR",
    );
    row(
        "SALE,2026-03-01,EUR,c1,b,100.001,0,100.00",
        "2 gross: `100.001` has more decimals than there are (2)",
    );
    row("SALE,2026-03-01,EUR,c1,b,1e2,0,100", "2 gross: `1e2` is not an amount");
    row(
        "SALE,2026-03-01,EUR,c1,b,,0,100",
        "2 gross: is empty; a row of this type has one",
    );
    row("FEE,2026-03-01,EUR,c1,b,,,", "2 -: has neither gross nor net");
    row(
        "SALE,01.03.2026,EUR,c1,b,1,0,1",
        "2 occurred_on: `01.03.2026` is not of the form YYYY-MM-DD",
    );
    row(
        "SALE,2026-03-01,eur,c1,b,1,0,1",
        "2 currency: `eur` is not an ISO 4217 currency code (three capital letters, like EUR)",
    );
    row("SALE,2026-03-01,,c1,b,1,0,1", "2 currency: is empty");
    row(",2026-03-01,EUR,c1,b,1,0,1", "2 type: is empty");
    row(
        "SALE,2026-03-01,EUR,c1 ,b,1,0,1",
        "2 acquirer_reference: begins or ends with a blank",
    );
    row(
        "SALE,2026-03-01,EUR,4111111111111111,b,1,0,1",
        "2 acquirer_reference: holds a card number; card numbers are never stored",
    );
    row("SALE,2026-03-01,EUR,c1,b,1,0", "2 -: has 7 cells, but the header has 8");
    row(
        "SALE,2026-03-01,EUR,c1,b,99999999999999999999,0,99999999999999999999",
        "2 -: the amounts are too large",
    );
    row(
        "SALE,2026-03-01,EUR,\"c1,b,1,0,1",
        "2 acquirer_reference: opens a quote that is never closed",
    );
    row("", "2 -: a blank line");
}

#[test]
fn a_file_of_another_kind_is_refused() {
    check(
        "",
        profile(),
        &["! line 1: the file ends before the names of its columns"],
    );
    let swapped = "batch,net,commission,gross,acquirer_reference,currency,occurred_on,type\nb,96.80,3.20,100.00,c1,EUR,2026-03-01,SALE\n";
    check(
        swapped,
        profile(),
        &["2 capture c1 2026-03-01 gross 100.00 EUR net 96.80 EUR costs 320/0/0/0"],
    );
    let missing = HEADER.replace(",net", "");
    check(
        &missing,
        profile(),
        &["! line 1: not a file of profile test: no column `net`"],
    );
    let twice = format!("{HEADER},gross");
    check(
        &twice,
        profile(),
        &["! line 1: not a file of profile test: more than one column `gross`"],
    );
    assert!(!profile().fits(missing.as_bytes()));
    assert!(profile().fits(format!("{HEADER},more\n").as_bytes()));
    let latin = Profile {
        dialect: Dialect {
            separator: b';',
            encoding: Encoding::Latin1,
        },
        ..profile()
    };
    assert!(!latin.fits(HEADER.as_bytes()));
    assert!(latin.fits(HEADER.replace(',', ";").as_bytes()));
}

/// The same, of files whose columns the profile names.
fn without_header() -> Profile {
    Profile {
        header: Some(HEADER.split(',').map(str::to_owned).collect()),
        ..profile()
    }
}

#[test]
fn columns_are_named_by_the_profile_where_the_file_does_not() {
    let sale = "SALE,2026-03-01,EUR,c1,b,100.00,3.20,96.80\n";
    let read = |line: u8| format!("{line} capture c1 2026-03-01 gross 100.00 EUR net 96.80 EUR costs 320/0/0/0");
    check(sale, without_header(), &[&read(1)]);
    let behind = Profile {
        preamble: 2,
        trailer: vec!["END".to_owned()],
        ..without_header()
    };
    check(&format!("a\nb,c\n{sale}END\n"), behind.clone(), &[&read(3)]);
    check("a\nb,c\nEND\n", behind.clone(), &[]);
    check("a\n", behind, &["! line 1: the file ends before its preamble"]);
    check("", without_header(), &["! line 1: the file is empty"]);
    // Rows name the column that is wrong as the profile does; one that names columns after all is no line.
    check(
        "SALE,2026-03-01,EUR,c1,b,x,0,0\nSALE,2026-03-01,EUR,c1\n\n",
        without_header(),
        &[
            "1 gross: `x` is not an amount",
            "2 -: has 4 cells, but the header has 8",
            "3 -: a blank line",
        ],
    );
    check(
        HEADER,
        without_header(),
        &["1 occurred_on: `occurred_on` is not of the form YYYY-MM-DD"],
    );
    // Nothing about such a file tells that it is one.
    assert!(!without_header().fits(sale.as_bytes()));
    assert!(!without_header().fits(HEADER.as_bytes()));
}

#[test]
fn amounts_are_signed_in_four_ways() {
    let header = "type,occurred_on,currency,acquirer_reference,batch,D,C,F,S\n";
    let of = |gross: Columns, negative: bool| {
        let amounts = [
            (Amount::Gross, gross),
            (Amount::Commission, Columns::Signed("F".to_owned())),
        ];
        Profile {
            amounts: amounts.into_iter().collect(),
            costs_are_negative: negative,
            flags: Flags {
                debit: vec!["DR".to_owned()],
                credit: vec!["CR".to_owned()],
            },
            ..profile()
        }
    };
    let two = || Columns::Two {
        debit: "D".to_owned(),
        credit: "C".to_owned(),
    };
    let flagged = || Columns::Flagged {
        amount: "C".to_owned(),
        flag: "S".to_owned(),
    };
    let rows = |text: &str| format!("{header}{text}\n");
    let sale = "2 capture c 2026-03-01 gross 10.00 EUR net 9.80 EUR costs 20/0/0/0";
    let back = "2 refund c 2026-03-01 gross -10.00 EUR net -10.20 EUR costs 20/0/0/0";
    check(&rows("SALE,2026-03-01,EUR,c,b,,10.00,0.20,"), of(two(), false), &[sale]);
    check(
        &rows("SALE,2026-03-01,EUR,c,b,0,10.00,-0.20,"),
        of(two(), true),
        &[sale],
    );
    check(&rows("BACK,2026-03-01,EUR,c,b,10.00,,0.20,"), of(two(), false), &[back]);
    check(
        &rows("SALE,2026-03-01,EUR,c,b,,10.00,0.20,CR"),
        of(flagged(), false),
        &[sale],
    );
    check(
        &rows("BACK,2026-03-01,EUR,c,b,,10.00,-0.20,DR"),
        of(flagged(), true),
        &[back],
    );
    let sign = "2 D: `-10.00` has a sign; its direction is told elsewhere";
    check(&rows("SALE,2026-03-01,EUR,c,b,-10.00,,0,"), of(two(), false), &[sign]);
    check(
        &rows("SALE,2026-03-01,EUR,c,b,,10.00,0,XX"),
        of(flagged(), false),
        &["2 S: `XX` is neither a debit nor a credit"],
    );
    check(
        &rows("SALE,2026-03-01,EUR,c,b,,10.00,0,"),
        of(flagged(), false),
        &["2 S: `` is neither a debit nor a credit"],
    );
}

#[test]
fn tax_and_reserve_are_taken_too() {
    let header =
        "type,occurred_on,currency,acquirer_reference,batch,gross,commission,tax,reserve,net,paid_out_on,card\n";
    let mut taking = profile();
    for amount in [Amount::Tax, Amount::Reserve] {
        taking.amounts.insert(amount, Columns::Signed(amount.name().to_owned()));
    }
    for text in [Text::PaidOutOn, Text::Card] {
        taking.texts.insert(text, text.name().to_owned());
    }
    let rows = format!("{header}SALE,2026-03-01,EUR,c,b,100,3.00,0.30,10,86.70,2026-03-04,4242\n");
    let mut reader = MappingReader::open(rows.as_bytes(), Arc::new(taking))
        .map(Rows::of)
        .expect("a file");
    let Some(Ok(Row::Line(line))) = reader.next() else {
        panic!("no line");
    };
    assert_eq!(
        (line.commission, line.tax, line.reserve, line.net.minor()),
        (300, 30, 1_000, 8_670)
    );
    assert_eq!(
        line.paid_out_on.map(|day| day.to_string()).as_deref(),
        Some("2026-03-04")
    );
    assert_eq!(line.card.as_deref(), Some("4242"));
}

#[test]
fn what_is_missing_of_gross_net_and_costs_follows() {
    let header = "type,occurred_on,currency,acquirer_reference,batch,gross,net\n";
    let without = |amounts: &[Amount]| Profile {
        amounts: amounts
            .iter()
            .map(|amount| (*amount, Columns::Signed(amount.name().to_owned())))
            .collect(),
        ..profile()
    };
    let sale = "2 capture c 2026-03-01 gross 10.00 EUR net 9.80 EUR costs 20/0/0/0";
    let rows = format!("{header}SALE,2026-03-01,EUR,c,b,10.00,9.80\n");
    check(&rows, without(&[Amount::Gross, Amount::Net]), &[sale]);
    let gross = "2 capture c 2026-03-01 gross 10.00 EUR net 10.00 EUR costs 0/0/0/0";
    check(&rows, without(&[Amount::Gross]), &[gross]);
    let net = "2 capture c 2026-03-01 gross 9.80 EUR net 9.80 EUR costs 0/0/0/0";
    check(&rows, without(&[Amount::Net]), &[net]);
}

#[test]
fn decimals_beyond_the_currency_are_proven_and_then_rounded() {
    let wide = || Profile {
        scale: ScaleTable {
            default: Scale::Decimals(6),
            of: [(Currency::parse("JPY").expect("a currency"), Scale::Units(2))].into(),
        },
        ..profile()
    };
    let rows = |row: &str| format!("{HEADER}\n{row}\n");
    check(
        &rows("SALE,2026-03-01,EUR,c,b,100.000000,3.204999,96.795001"),
        wide(),
        &["2 capture c 2026-03-01 gross 100.00 EUR net 96.80 EUR costs 320/0/0/0"],
    );
    // Half a cent of costs and a net of 49.995: what is left of rounding both is in the costs.
    check(
        &rows("SALE,2026-03-01,EUR,c,b,50,0.005,49.995"),
        wide(),
        &["2 capture c 2026-03-01 gross 50.00 EUR net 50.00 EUR costs 0/0/0/0"],
    );
    check(
        &rows("SALE,2026-03-01,EUR,c,b,50,0.005,49.994999"),
        wide(),
        &["2 -: gross 50.00 EUR less costs of 0.005 EUR is 49.995 EUR, but net is 49.994999 EUR"],
    );
    check(
        &rows("SALE,2026-03-01,JPY,c,b,120000,3600,116400"),
        wide(),
        &["2 capture c 2026-03-01 gross 1200 JPY net 1164 JPY costs 36/0/0/0"],
    );
}

#[test]
fn two_currencies_have_a_rate() {
    let header =
        "type,occurred_on,currency,gross_currency,acquirer_reference,batch,gross,commission,net,exchange_rate\n";
    let fx = |with_rate: bool| {
        let mut profile = profile();
        profile.texts.insert(Text::GrossCurrency, "gross_currency".to_owned());
        if with_rate {
            profile.texts.insert(Text::ExchangeRate, "exchange_rate".to_owned());
        }
        profile
    };
    let rows = |row: &str| format!("{header}{row}\n");
    let sale = "2 capture c 2026-03-01 gross 50.00 GBP net 55.41 EUR costs 109/0/0/0 rate 1.13";
    check(
        &rows("SALE,2026-03-01,EUR,GBP,c,b,50.00,1.09,55.41,1.13"),
        fx(true),
        &[sale],
    );
    check(
        &rows("SALE,2026-03-01,EUR,GBP,c,b,50.00,1.09,55.41,"),
        fx(false),
        &[sale],
    );
    check(
        &rows("SALE,2026-03-01,EUR,GBP,c,b,50.00,1.09,55.41,1.14"),
        fx(true),
        &["2 exchange_rate: 1.14 does not lead from 50.00 GBP to 56.50 EUR"],
    );
    check(
        &rows("SALE,2026-03-01,EUR,GBP,c,b,50.00,1.09,,1.13"),
        fx(true),
        &["2 -: is in two currencies, but has not both gross and net"],
    );
    let one = "2 capture c 2026-03-01 gross 50.00 EUR net 48.91 EUR costs 109/0/0/0";
    check(&rows("SALE,2026-03-01,EUR,,c,b,50.00,1.09,48.91,"), fx(true), &[one]);
}

/// With two rows of totals before the header and three kinds after the lines.
fn claiming() -> Profile {
    let sum = |amount, of| Stated::Sum(amount, of);
    let rule = |states, row, column, beside| ClaimRule {
        states,
        row,
        column,
        beside,
    };
    let after = |cell: &str| Margin::After(cell.to_owned());
    Profile {
        preamble: 1,
        trailer: vec!["ROWS".to_owned(), "SUM".to_owned()],
        claims: vec![
            rule(
                sum(
                    Amount::Net,
                    SumOf::One(CurrencyOf::Named(Currency::parse("EUR").expect("a currency"))),
                ),
                Margin::Before(1),
                2,
                0,
            ),
            rule(Stated::Count, after("ROWS"), 2, 1),
            rule(sum(Amount::Gross, SumOf::One(CurrencyOf::Cell(2))), after("SUM"), 3, 0),
            rule(sum(Amount::Commission, SumOf::Any), after("ROWS"), 3, 0),
        ],
        ..profile()
    }
}

const CLAIMING: &str = "total,87.00
type,occurred_on,currency,acquirer_reference,batch,gross,commission,net
SALE,2026-03-01,EUR,c1,b,100.00,3.00,97.00
BACK,2026-03-01,EUR,r1,b,-10.00,0,-10.00
SALE,2026-03-01,GBP,c2,b,5.00,0.10,4.90

ROWS,4,3.10
SUM,EUR,90.00
SUM,GBP,5.01
";

#[test]
fn a_file_claims_what_stands_around_its_lines() {
    check(
        CLAIMING,
        claiming(),
        &[
            "3 capture c1 2026-03-01 gross 100.00 EUR net 97.00 EUR costs 300/0/0/0",
            "4 refund r1 2026-03-01 gross -10.00 EUR net -10.00 EUR costs 0/0/0/0",
            "5 capture c2 2026-03-01 gross 5.00 GBP net 4.90 GBP costs 10/0/0/0",
            "row 1 of the preamble says net: 8700 8700 EUR",
            "trailer row `ROWS`, line 7, says rows: 4 4 -",
            "trailer row `ROWS`, line 7, says commission, in units of 1 decimals:: 31 31 -",
            "trailer row `SUM`, line 8, says gross: 9000 9000 EUR",
            "trailer row `SUM`, line 9, says gross: 501 500 GBP",
        ],
    );
}

#[test]
fn margins_that_are_not_whole_end_the_file() {
    let ends = |from: &str, to: &str, expected: &str| {
        assert!(CLAIMING.contains(from), "{from}");
        let told = told(CLAIMING.replacen(from, to, 1).as_bytes(), claiming());
        assert!(told.iter().any(|line| line == expected), "{expected}\n{told:#?}");
    };
    ends(
        "ROWS,4,3.10\n",
        "",
        "! line 8: the file ends without its trailer row `ROWS`",
    );
    ends(
        "ROWS,4,3.10",
        "ROWS,4",
        "! line 7: the row has no cell 3, which the profile claims something of",
    );
    ends("ROWS,4", "ROWS,four", "! line 7: cell 2: `four` is not a count");
    ends(
        "SUM,EUR,90.00",
        "SUM,EUR,90.00x",
        "! line 8: cell 3: `90.00x` is not an amount",
    );
    ends(
        "SUM,EUR,90.00",
        "SUM,EUR,90.001",
        "! line 8: cell 3: `90.001` has more decimals than there are (2)",
    );
    ends(
        "SUM,EUR",
        "SUM,eur",
        "! line 8: cell 2: `eur` is not an ISO 4217 currency code (three capital letters, like EUR)",
    );
    ends(
        "SUM,GBP,5.01",
        "SALE,2026-03-01,EUR,c,b,1,0,1",
        "! line 9: a row after the trailer",
    );
    ends(
        "total,87.00",
        "total",
        "! line 1: the row has no cell 2, which the profile claims something of",
    );
    ends(
        "total,87.00",
        "total,\"87",
        "! line 1: cell 2 opens a quote that is never closed",
    );
}

#[test]
fn a_payout_proves_its_batch() {
    let rows = |paid: &str| {
        format!(
            "{HEADER}\nSALE,2026-03-01,EUR,c,b,10.00,0.20,9.80\nSALE,2026-03-01,EUR,d,other,1,0,1\nPAID,2026-03-02,EUR,p,b,{paid},0,{paid}\n"
        )
    };
    for paid in ["9.80", "-9.80"] {
        let told = told(rows(paid).as_bytes(), profile());
        assert_eq!(
            told[2..],
            [
                "4 payout p 2026-03-02 gross - net -9.80 EUR costs 0/0/0/0",
                "batch b pays: 980 980 EUR"
            ]
        );
    }
}

#[test]
fn what_a_payout_costs_is_taken_of_the_balance_in_either_sign() {
    // 9.30 are paid, and 0.50 is taken for it.
    for row in ["9.80,0.50,9.30", "-9.30,0.50,-9.80"] {
        check(
            &format!("{HEADER}\nSALE,2026-03-01,EUR,c,b,10.00,0.20,9.80\nPAID,2026-03-02,EUR,p,b,{row}\n"),
            profile(),
            &[
                "2 capture c 2026-03-01 gross 10.00 EUR net 9.80 EUR costs 20/0/0/0",
                "3 payout p 2026-03-02 gross - net -9.30 EUR costs 0/0/0/0",
                "3 batch_fee p 2026-03-02 gross - net -0.50 EUR costs 50/0/0/0",
                "batch b pays: 980 980 EUR",
            ],
        );
    }
}

#[test]
fn every_field_says_how_it_was_read() {
    let mut reader = MappingReader::open(
        format!("{HEADER}\nSALE,2026-03-01,EUR,c1,b,100.00,3.20,96.80\nSALE,2026-03-01,EUR,c2,b,x,0,0\n")
            .leak()
            .as_bytes(),
        Arc::new(profile()),
    )
    .map(Rows::of)
    .expect("a file");
    reader.explain();
    let steps = |reader: &Rows<'_>| -> Vec<String> {
        let told = reader.steps().iter();
        told.map(|step| {
            format!(
                "{}|{}|{}|{}|{}",
                step.field, step.column, step.raw, step.rule, step.value
            )
        })
        .collect()
    };
    reader.next().expect("a row").expect("a line");
    assert_eq!(
        steps(&reader),
        [
            "type|type|SALE|the table of types|capture",
            "occurred_on|occurred_on|2026-03-01|YYYY-MM-DD|2026-03-01",
            "currency|currency|EUR|ISO 4217|EUR",
            "gross|gross|100.00|signed, decimals of ISO 4217|100.00 EUR",
            "net|net|96.80|signed, decimals of ISO 4217|96.80 EUR",
            "commission|commission|3.20|signed, decimals of ISO 4217|3.20 EUR",
            "batch|batch|b|text|b",
            "acquirer_reference|acquirer_reference|c1|text|c1",
        ]
    );
    reader.next().expect("a row").expect("a reject");
    assert_eq!(steps(&reader).len(), 3, "as far as it could be read");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let _ = told(&bytes, claiming());
        let mut changed = CLAIMING.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(changed.len());
            changed[place] = byte;
        }
        let _ = told(&changed, claiming());
    }
}

#[test]
fn what_rounding_leaves_of_a_batch_is_a_line_of_its_own() {
    let fine = || Profile {
        scale: ScaleTable {
            default: Scale::Decimals(4),
            ..ScaleTable::default()
        },
        ..profile()
    };
    let sale =
        |reference: &str, batch: &str| format!("SALE,2026-03-01,EUR,{reference},{batch},10.0000,0.1040,9.8960\n");
    let rows: String = (1..=6).map(|sale_of| sale(&format!("c{sale_of}"), "b")).collect();
    let text = format!(
        "{HEADER}\n{rows}PAID,2026-03-02,EUR,,b,,,-59.38\n{}",
        sale("c7", "open")
    );
    let told = told(text.as_bytes(), fine());
    // 6 times 9.8960 are 59.3760; by lines of 9.90 they are 59.40. One line alone is what it is rounded to.
    let last: Vec<&str> = told.iter().skip(6).map(String::as_str).collect();
    assert_eq!(
        last,
        [
            "8 payout - 2026-03-02 gross - net -59.38 EUR costs 0/0/0/0",
            "9 capture c7 2026-03-01 gross 10.00 EUR net 9.90 EUR costs 10/0/0/0",
            "9 rounding - 2026-03-02 gross - net -0.02 EUR costs 0/0/0/0",
            "batch b pays: 5938 5938 EUR",
        ]
    );
}

#[test]
fn a_payout_without_a_gross_costs_nothing_by_that() {
    let without = Profile {
        amounts: [Amount::Gross, Amount::Net]
            .into_iter()
            .map(|amount| (amount, Columns::Signed(amount.name().to_owned())))
            .collect(),
        ..profile()
    };
    check(
        &format!("{HEADER}\nSALE,2026-03-01,EUR,c1,b,10.00,,9.90\nPAID,2026-03-02,EUR,,b,0.00,,-9.90\n"),
        without,
        &[
            "2 capture c1 2026-03-01 gross 10.00 EUR net 9.90 EUR costs 10/0/0/0",
            "3 payout - 2026-03-02 gross - net -9.90 EUR costs 0/0/0/0",
            "batch b pays: 990 990 EUR",
        ],
    );
}

const BALANCES: &str = include_str!("../../../../fixtures/formats/profiles/balances.csv");

/// As the fixture's profile is.
fn of_balances() -> Profile {
    let end = |end, row| ClaimRule {
        states: Stated::Balance(BalanceRule {
            end,
            currency: CurrencyOf::Cell(3),
            date: 2,
            days: profile().days,
            account: None,
        }),
        row,
        column: 4,
        beside: 0,
    };
    let texts = [
        (Text::Type, "kind"),
        (Text::OccurredOn, "day"),
        (Text::Currency, "currency"),
        (Text::AcquirerReference, "id"),
    ];
    let amounts = [(Amount::Gross, "gross"), (Amount::Commission, "fee")];
    let signed = |name: &str| Columns::Signed(name.to_owned());
    Profile {
        name: "balances".to_owned(),
        preamble: 2,
        trailer: vec!["TO".to_owned()],
        texts: texts.into_iter().map(|(text, name)| (text, name.to_owned())).collect(),
        amounts: amounts
            .into_iter()
            .map(|(amount, name)| (amount, signed(name)))
            .collect(),
        claims: vec![
            end(End::Opening, Margin::Before(1)),
            end(End::Opening, Margin::Before(2)),
            end(End::Closing, Margin::After("TO".to_owned())),
        ],
        ..profile()
    }
}

/// 10.00 + 100.00 - 3.20 - 25.00 - 60.00 = 21.80 EUR, and 50.00 - 1.10 = 48.90 GBP, worked out by hand.
#[test]
fn balances_lead_from_one_to_the_other() {
    let told = told(BALANCES.as_bytes(), of_balances());
    assert_eq!(
        told[4..],
        [
            "trailer row `TO`, line 8, cell 4, says that the balance since row 1 of the preamble, cell 4, moved by: 1180 1180 EUR",
            "trailer row `TO`, line 9, cell 4, says that the balance since row 2 of the preamble, cell 4, moved by: 4890 4890 GBP",
        ]
    );
    let mut rows = MappingReader::open(BALANCES.as_bytes(), Arc::new(of_balances()))
        .map(Rows::of)
        .expect("a file");
    let lines: Vec<SettlementLine> = rows
        .by_ref()
        .filter_map(|row| match row.expect("a row") {
            Row::Line(line) => Some(line),
            Row::Reject(_) => None,
        })
        .collect();
    let batches: Vec<(&str, bool)> = lines
        .iter()
        .map(|line| (line.batch.as_str(), line.of_balance))
        .collect();
    assert_eq!(batches[0], ("balances", true));
    assert_eq!(batches[3], ("balances po_1", true));
    let balances: Vec<String> = rows
        .claims()
        .balances
        .iter()
        .map(|balance| {
            format!(
                "{} {} {} {} {}",
                balance.account, balance.from, balance.until, balance.opening, balance.closing
            )
        })
        .collect();
    assert_eq!(
        balances,
        [
            "balances 2026-03-01 00:00:00 UTC 2026-03-02 00:00:00 UTC 10.00 EUR 21.80 EUR",
            "balances 2026-03-01 00:00:00 UTC 2026-03-02 00:00:00 UTC 0.00 GBP 48.90 GBP",
        ]
    );
}

#[test]
fn balances_that_are_not_whole_end_the_file() {
    let ends = |from: &str, to: &str, expected: &str| {
        assert!(BALANCES.contains(from), "{from}");
        let told = told(BALANCES.replacen(from, to, 1).as_bytes(), of_balances());
        assert!(told.iter().any(|line| line == expected), "{expected}\n{told:#?}");
    };
    ends(
        "TO,2026-03-01,EUR,21.80",
        "TO,2026-03-01,EUR,21.8x",
        "! line 8: cell 4: `21.8x` is not an amount",
    );
    ends(
        "FROM,2026-03-01,EUR",
        "FROM,2026-03-1,EUR",
        "! line 1: cell 2: `2026-03-1` is not of the form YYYY-MM-DD",
    );
    ends(
        "TO,2026-03-01,EUR",
        "TO,2026-02-27,EUR",
        "! line 8: trailer row `TO`, line 8, cell 4, is of a time before that of row 1 of the preamble, cell 4,",
    );
    ends(
        "TO,2026-03-01,EUR",
        "TO,2026-03-01,GBP",
        "! line 9: trailer row `TO`, line 9, cell 4, is a second closing balance of GBP",
    );
    ends(
        "FROM,2026-03-01,GBP",
        "FROM,2026-03-01,USD",
        "! line 2: row 2 of the preamble, cell 4, is an opening balance of USD; no closing one is there",
    );
    ends(
        "TO,2026-03-01,GBP,48.90\n",
        "",
        "! line 2: row 2 of the preamble, cell 4, is an opening balance of GBP; no closing one is there",
    );
    ends(
        "SALE,ch_2,order-2,2026-03-01,GBP",
        "SALE,ch_2,order-2,2026-03-01,USD",
        "! line 9: the file has lines of USD and no balance of it",
    );
    ends("PAID,po_1", "PAID,", "7 id: is empty; a payout of a balance has one");
}

#[test]
fn a_period_of_times_is_from_one_to_the_other() {
    let pattern = DatePattern::parse("YYYY-MM-DDThh:mmZ").expect("a pattern");
    let mut timed = of_balances();
    for rule in &mut timed.claims {
        if let Stated::Balance(balance) = &mut rule.states {
            balance.days.pattern = pattern.clone();
            balance.account = Some(1);
        }
    }
    let text = BALANCES.replace("FROM,2026-03-01", "A,2026-03-01T00:00+01:00");
    let text = text.replace("TO,2026-03-01", "TO,2026-03-01T12:00+01:00");
    let told = told(text.as_bytes(), timed.clone());
    let wrong =
        "! line 8: trailer row `TO`, line 8, cell 4, is of account `TO`, but row 1 of the preamble, cell 4, is of `A`";
    assert_eq!(told.last().map(String::as_str), Some(wrong));
    let text = text.replace("A,2026", "TO,2026");
    let mut rows = MappingReader::open(text.as_bytes(), Arc::new(timed))
        .map(Rows::of)
        .expect("a file");
    assert!(rows.by_ref().all(|row| row.is_ok()));
    let balances = rows.claims().balances;
    let first = balances.first().expect("a balance");
    assert_eq!(
        (first.account.as_str(), first.from.to_string(), first.until.to_string()),
        (
            "TO",
            "2026-02-28 23:00:00 UTC".to_owned(),
            "2026-03-01 11:00:00 UTC".to_owned()
        )
    );
}
