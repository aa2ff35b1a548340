//! What batches, months and conversions come to, held to what is agreed with the acquirer; every figure is worked out by hand.

use crate::breaks::told;
use crate::stage::Stage;

/// Settings of one acquirer with these terms. Nothing is charged, so that what is booked is what the file says.
fn settings(terms: &str) -> String {
    format!(
        r#"
effective_from = "2026-01-01"
[house]
name = "House"
time_zone = "Europe/Berlin"
bank_account = "main"
[desk]
tolerance = {{ EUR = "5.00" }}
limit_a = {{ EUR = "50.00" }}
limit_b = {{ EUR = "500.00" }}
finance_heads = ["carla"]
[[fee_schedule]]
name = "free"
percentage = "0"
fixed = {{ EUR = "0", GBP = "0" }}
rounding = "half_even"
[[merchant]]
name = "plain"
fee_schedule = "free"
[[acquirer]]
name = "north"
contract = "net"
settles_within_days = 60
{terms}"#
    )
}

/// Tells a story under terms, and compares the breaks: class, by contract or ledger, by the file, and the words.
#[track_caller]
fn check(terms: &str, story: &str, expected: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let found: Vec<String> = runtime.expect("a runtime").block_on(async {
        let stage = Stage::told(&settings(terms), story).await;
        let sql = "select id::text, format('%s %s %s %s', class, coalesce(expected::text, '-'), actual, detail) from break order by id";
        let rows = stage.test.admin.query(sql, &[]).await.expect("breaks");
        let mut found = Vec::new();
        for row in &rows {
            let (id, text): (&str, String) = (row.get(0), row.get(1));
            // What is booked as the file says is given up by saying so; a reserve is not, it is ours still.
            let resolve = [
                "breaks", "resolve", id, "--reason", "claim_refused", "--by", "bob", "--note", "no", "--execute",
            ];
            let (code, said) = told(&stage, &resolve);
            let is_money = text.starts_with("FX_MISMATCH") || text.starts_with("MISSING_IN_LEDGER");
            assert_eq!(code == 0, is_money, "{text}: {said}");
            found.push(text);
        }
        found
    });
    assert_eq!(found, expected);
}

#[test]
fn a_conversion_is_held_to_the_rate_agreed() {
    let rate = "[[acquirer.rate]]\nfrom = \"GBP\"\nto = \"EUR\"\nrate = \"1.20\"\ntolerance = \"0.5\"\n";
    // 0.5 % of 120.00 is 0.60; costs are taken of what the gross came to. What nobody knows is not held to it.
    let story = "sale p1 100.00 GBP ref=A1
        sale p2 100.00 GBP ref=A2
        sale p3 100.00 GBP ref=A3
        file north 2026-03-03 breaks=FX_MISMATCH,MISSING_IN_LEDGER
        Settled +100.00 GBP ref=A1 rate=1.206 net=120.50:EUR scheme=0.10
        Settled +100.00 GBP ref=A2 rate=1.21 net=120.90:EUR scheme=0.10
        Settled +100.00 GBP ref=A9 rate=2 net=200.00:EUR
        is all EUR 1110=441.40 2900=200.00 5020=0.20
        file north 2026-03-04
        Settled +100.00 GBP ref=A3
        is all GBP 1100=0.00 1110=100.00";
    check(
        rate,
        story,
        &[
            "FX_MISMATCH 12000 12100 gross 100.00 GBP by the agreed rate 1.20 and by the file differs: 120.00 EUR and 121.00 EUR",
            "MISSING_IN_LEDGER - 10000 Settled 100.00 GBP of A9: nothing recorded fits",
        ],
    );
    let story = story.replace("FX_MISMATCH,", "");
    let unchecked = ["MISSING_IN_LEDGER - 10000 Settled 100.00 GBP of A9: nothing recorded fits"];
    check("", &story, &unchecked);
    check(&rate.replace("\"0.5\"", "\"0.9\""), &story, &unchecked);
}

#[test]
fn a_cent_of_every_conversion_is_no_rounding() {
    let terms = "batch_tolerance = { EUR = \"0.02\" }
        [[acquirer.rate]]\nfrom = \"GBP\"\nto = \"EUR\"\nrate = \"1.20\"\n";
    let story = "sale p1 100.00 GBP ref=A1
        sale p2 100.00 GBP ref=A2
        sale p3 100.00 GBP ref=A3
        sale p4 100.00 GBP ref=A4
        file north 2026-03-03 breaks=FX_MISMATCH
        Settled +100.00 GBP ref=A1 rate=1.2 net=119.99:EUR
        Settled +100.00 GBP ref=A2 rate=1.2 net=119.99:EUR
        Settled +100.00 GBP ref=A3 rate=1.2 net=119.99:EUR batch=2
        Settled +100.00 GBP ref=A4 rate=1.2 net=119.99:EUR";
    let together = "FX_MISMATCH 36000 35997 3 lines of batch 101, each converted by the agreed rate within its tolerance, \
        differ by -0.03 EUR together, more than 0.02 EUR";
    check(terms, story, &[together]);
    // What one line has too little and another too much is rounding.
    let rounded = story.replace("ref=A1 rate=1.2 net=119.99", "ref=A1 rate=1.2 net=120.01");
    check(terms, &rounded.replace("breaks=FX_MISMATCH", ""), &[]);
    check(
        &terms.replace("0.02", "0.03"),
        &story.replace("breaks=FX_MISMATCH", ""),
        &[],
    );
}

#[test]
fn a_batch_may_be_off_by_what_the_rates_of_its_lines_tolerate() {
    // 0.5 % of 120.00 each: 0.60 is nothing of a line, and 1.80 nothing of three; what is more of one is of that one.
    let terms = "batch_tolerance = { EUR = \"0.02\" }
        [[acquirer.rate]]\nfrom = \"GBP\"\nto = \"EUR\"\nrate = \"1.20\"\ntolerance = \"0.5\"\n";
    let story = "sale p1 100.00 GBP ref=A1
        sale p2 100.00 GBP ref=A2
        sale p3 100.00 GBP ref=A3
        file north 2026-03-03
        Settled +100.00 GBP ref=A1 rate=1.206 net=120.60:EUR
        Settled +100.00 GBP ref=A2 rate=1.206 net=120.60:EUR
        Settled +100.00 GBP ref=A3 rate=1.206 net=120.60:EUR";
    check(terms, story, &[]);
    // Of the rate without a tolerance a cent is rounding, and three are none.
    let strict = terms.replace("0.5", "0");
    let cents = story
        .replace("1.206 net=120.60", "1.2 net=120.01")
        .replace("03-03\n", "03-03 breaks=FX_MISMATCH\n");
    let together = "FX_MISMATCH 36000 36003 3 lines of batch 101, each converted by the agreed rate within its tolerance, \
        differ by 0.03 EUR together, more than 0.02 EUR";
    check(&strict, &cents, &[together]);
}

#[tokio::test]
async fn what_is_taken_is_told_whether_a_term_prices_it_or_not() {
    let priced = "[[acquirer.cost]]\nrounding = \"half_even\"\npercentage = \"1\"\nfixed = { EUR = \"0\" }\n";
    let story = "sale p1 100.00 EUR ref=A1
        sale p2 100.00 GBP ref=A2
        file north 2026-03-03 breaks=ANY
        Settled +100.00 EUR ref=A1 cost=1.00
        Settled +100.00 GBP ref=A2 rate=1.2 net=119.50:EUR cost=0.50
        Fee -99.00 EUR ref=monthly
        Fee -1.00 EUR ref=yearly";
    let claims = |stage: &Stage| {
        let (code, said) = told(stage, &["report", "fee-claims", "--format", "csv"]);
        assert_eq!(code, 0, "{said}");
        said.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let net = Stage::told(&settings(priced), &story.replace(" breaks=ANY", "")).await;
    assert_eq!(
        claims(&net),
        [
            "checked,north,total,,EUR,2,,1,,0,50,50,0.00,0.50,0.50",
            "checked,north,total,blended,EUR,2,,1,,100,100,0,1.00,1.00,0.00",
            "checked,north,total,fees of the batch,EUR,2,,2,,0,10000,10000,0.00,100.00,100.00",
        ]
    );
    // Where nothing may be deducted all of it is claimed, whatever currency it came from.
    let gross = settings(priced).replace("\"net\"", "\"gross\"");
    let gross = Stage::told(&gross, &story.replace("ANY", "FEE_MISMATCH:4")).await;
    assert_eq!(
        claims(&gross),
        [
            "checked,north,total,settles in full,EUR,2,,2,,0,150,150,0.00,1.50,1.50",
            "claim,north,total,settles in full,EUR,2,open,4,2026-03-03,0,10150,10150,0.00,101.50,101.50",
            "invoiced,north,total,blended,EUR,2,,1,,100,0,-100,1.00,0.00,-1.00",
        ]
    );
}

#[test]
fn a_batch_withholds_what_the_contract_says() {
    let story = "sale p1 100.00 EUR ref=A1
        sale p2 30.30 EUR ref=A2
        sale p3 100.00 EUR ref=A3
        sale p4 100.00 EUR ref=A4
        sale p5 100.00 EUR ref=A5
        refund p5 20.00 EUR ref=R5
        file north 2026-03-03
        Settled +100.00 EUR ref=A1
        Settled +30.30 EUR ref=A2
        DepositCorrection -6.52 EUR
        file north 2026-03-04 breaks=RESERVE_MISMATCH:2
        Settled +100.00 EUR ref=A3 scheme=1.00 batch=a
        DepositCorrection -6.00 EUR batch=a
        Settled +100.00 EUR ref=A4 batch=b
        file north 2026-03-05
        Settled +100.00 EUR ref=A5
        Refunded -20.00 EUR ref=R5
        DepositCorrection -5.00 EUR
        DepositCorrection +6.52 EUR
        is all EUR 1120=11.00 1110=398.30";
    check(
        "reserve = \"5\"",
        story,
        &[
            "RESERVE_MISMATCH 500 600 reserve of batch a on 100.00 EUR by contract and by the file differs: 5.00 EUR and 6.00 EUR",
            "RESERVE_MISMATCH 500 0 reserve of batch b on 100.00 EUR by contract and by the file differs: 5.00 EUR and 0.00 EUR",
        ],
    );
    check("", &story.replace(" breaks=RESERVE_MISMATCH:2", ""), &[]);
}

#[test]
fn a_month_tolerates_no_more_than_is_agreed() {
    let sales: String = (1..=6)
        .map(|sale| format!("sale p{sale} 50.00 EUR ref=A{sale}\n"))
        .collect();
    // Two cents, then one: three, which may be. April has a budget of its own; one cent more in March is too much, and is said
    // once.
    let story = "file north 2026-03-03
        Settled +50.01 EUR ref=A1
        Settled +49.99 EUR ref=A2
        file north 2026-03-31
        Settled +50.01 EUR ref=A3
        file north 2026-04-01
        Settled +50.01 EUR ref=A4
        file north 2026-03-31 breaks=AMOUNT_MISMATCH
        Settled +49.99 EUR ref=A5
        file north 2026-03-31
        Settled +49.99 EUR ref=A6
        is all EUR 1100=0.00 1110=300.00";
    let terms = "tolerance = { EUR = \"0.01\" }\n";
    check(
        &format!("{terms}monthly_tolerance = {{ EUR = \"0.03\" }}\n"),
        &format!("{sales}{story}"),
        &[
            "AMOUNT_MISMATCH 3 4 gross of lines of 2026-03, each within the tolerance, differs by 0.04 EUR together in files so far, \
             more than 0.03 EUR",
        ],
    );
    check(
        terms,
        &format!("{sales}{}", story.replace(" breaks=AMOUNT_MISMATCH", "")),
        &[],
    );
}
