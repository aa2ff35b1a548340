//! Lines of which the items are recorded after their file, and lines that name payments which stand otherwise here.

use acquit::store::breaks::{Break, Filter};

use crate::availability::SETTINGS;
use crate::stage::Stage;

/// Class, state and resolution of every break, and what it says of itself.
async fn breaks(stage: &Stage) -> Vec<String> {
    let all = Filter::default();
    let told = |one: &Break| {
        let resolution = one.resolution.as_deref().unwrap_or("-");
        format!("{} {} {resolution}: {}", one.class, one.state, one.detail)
    };
    let found = stage.test.store.breaks(&all).await.expect("breaks");
    found.iter().map(told).collect()
}

#[tokio::test]
async fn what_is_recorded_after_its_file_is_matched_before_the_next() {
    let mut stage = Stage::told(
        SETTINGS,
        "sale p0 10.00 USD ref=A0
         file north 2026-03-03 breaks=MISSING_IN_LEDGER:3
         Settled +10.00 USD ref=A0
         Settled +80.00 USD ref=A1 cost=0.50
         Settled +30.00 USD ref=A2
         Settled +20.00 USD arn=74537604221431003881865
         is plain USD 2020=9.41
         sale p1 80.00 USD ref=A1 at=2026-03-02
         sale p2 29.00 USD ref=A2 at=2026-03-02
         sale p3 20.00 USD ref=A3 arn=74537604221431003881865 at=2026-03-02
         is plain USD 1100=129.00
         sale p9 5.00 USD ref=A9 at=2026-03-09
         file north 2026-03-10 breaks=MISSING_IN_FILE
         Settled +5.00 USD ref=A9
         is plain USD 1100=29.00",
    )
    .await;
    assert_eq!(
        breaks(&stage).await,
        [
            "MISSING_IN_LEDGER resolved match: Settled 80.00 USD of A1: nothing recorded fits",
            // Another amount is for people to judge.
            "MISSING_IN_LEDGER open -: Settled 30.00 USD of A2: nothing recorded fits",
            "MISSING_IN_LEDGER resolved match: Settled 20.00 USD of 74537604221431003881865: nothing recorded fits",
            "MISSING_IN_FILE open -: expected by 2026-03-05, not reported",
        ]
    );
    // 10.00, 80.00, 20.00 and 5.00 less 2.9 % and 0.30 of each: as if all had been matched at once.
    stage.tell("is plain USD 2010=27.86 2020=110.47").await;
}

#[tokio::test]
async fn two_that_fit_one_line_are_left_to_people() {
    let stage = Stage::told(
        SETTINGS,
        "file north 2026-03-03 breaks=MISSING_IN_LEDGER
         Settled +80.00 USD ref=A1
         sale p1 80.00 USD ref=A1 at=2026-03-02
         sale p2 80.00 USD ref=A1 at=2026-03-02
         sale p9 5.00 USD ref=A9 at=2026-03-03
         file north 2026-03-04
         Settled +5.00 USD ref=A9
         is plain USD 1100=160.00",
    )
    .await;
    assert_eq!(
        breaks(&stage).await,
        ["MISSING_IN_LEDGER open -: Settled 80.00 USD of A1: nothing recorded fits"]
    );
}

#[tokio::test]
async fn a_line_of_a_sale_says_how_its_payment_stands_here() {
    let stage = Stage::told(
        SETTINGS,
        "authorization open 10.00 USD
         authorization gone 20.00 USD
         void gone 20.00 USD
         decline never 30.00 USD
         authorization late 40.00 USD before=2026-03-09T00:00:00Z
         expire 2026-04-02T00:00:00Z
         authorization open2 10.00 USD at=2026-04-02
         file north 2026-04-03 breaks=MISSING_IN_LEDGER:2,STATUS_MISMATCH:3
         Settled +10.00 USD ref=A1 mref=open2 day=2026-04-02
         Settled +20.00 USD ref=A2 mref=gone
         Settled +30.00 USD ref=A3 mref=never
         Settled +40.00 USD ref=A4 mref=late
         Settled +50.00 USD ref=A5 mref=nobody",
    )
    .await;
    assert_eq!(
        breaks(&stage).await,
        [
            "MISSING_IN_LEDGER open -: Settled 10.00 USD of A1: payment open2 is authorized here, and nothing of it captured",
            "STATUS_MISMATCH open -: Settled 20.00 USD of A2: payment gone is voided here, and nothing of it captured",
            "STATUS_MISMATCH open -: Settled 30.00 USD of A3: payment never is declined here, and nothing of it captured",
            "STATUS_MISMATCH open -: Settled 40.00 USD of A4: payment late is expired here, and nothing of it captured",
            "MISSING_IN_LEDGER open -: Settled 50.00 USD of A5: nothing recorded fits",
        ]
    );
}

#[tokio::test]
async fn a_match_says_how_the_days_of_both_sides_differ() {
    let stage = Stage::told(
        SETTINGS,
        "sale p1 10.00 USD ref=A1 at=2026-03-02
         sale p2 20.00 USD ref=A2 at=2026-03-02
         sale p3 30.00 USD ref=A3 at=2026-03-02
         sale p4 40.00 USD ref=A4 at=2026-03-09
         file north 2026-03-05
         Settled +10.00 USD ref=A1 day=2026-03-02
         Settled +20.00 USD ref=A2 day=2026-03-03
         file north 2026-03-10
         Settled +30.00 USD ref=A3 day=2026-03-02
         Settled +40.00 USD ref=A4 day=2026-03-10",
    )
    .await;
    let sql = "select reference || ' ' || coalesce(timing, 'of its day') from settlement_match match
        join entry on entry.book_id = match.book_id and entry.number = match.number order by 1";
    let rows = stage.test.admin.query(sql, &[]).await.expect("matches");
    let timing: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    // Three days after the sale each was expected, and a file about the last of them is in time.
    let expected = [
        "p1-capture of its day",
        "p2-capture cutoff",
        "p3-capture late",
        "p4-capture cutoff",
    ];
    assert_eq!(timing, expected);
}

#[tokio::test]
async fn what_is_reported_again_before_anybody_knows_it_is_a_repetition() {
    let stage = Stage::told(
        SETTINGS,
        "file north 2026-03-03 breaks=DUPLICATE_IN_FILE:2,MISSING_IN_LEDGER:2
         Settled +80.00 USD ref=A1
         Settled +80.00 USD ref=A1
         Settled +70.00 USD ref=A1
         Settled +80.00 USD ref=A1
         file north 2026-03-04 breaks=DUPLICATE_IN_FILE
         Settled +80.00 USD ref=A1
         sale p1 80.00 USD ref=A1 at=2026-03-02
         sale p9 5.00 USD ref=A9 at=2026-03-04
         file north 2026-03-05
         Settled +5.00 USD ref=A9
         is plain USD 1100=0.00",
    )
    .await;
    assert_eq!(
        breaks(&stage).await,
        [
            "MISSING_IN_LEDGER resolved match: Settled 80.00 USD of A1: nothing recorded fits",
            "DUPLICATE_IN_FILE open -: Settled 80.00 USD of A1: reported before by line 2 of file-1.csv",
            "MISSING_IN_LEDGER open -: Settled 70.00 USD of A1: nothing recorded fits",
            "DUPLICATE_IN_FILE open -: Settled 80.00 USD of A1: reported before by line 2 of file-1.csv",
            "DUPLICATE_IN_FILE open -: Settled 80.00 USD of A1: reported before by line 2 of file-1.csv",
        ]
    );
    let undo = acquit::store::reconcile::undo::Request {
        file: "file-1.csv",
        by: "ada",
        reason: None,
        on: None,
    };
    let refused = stage.test.store.undo_file(&undo).await.expect_err("refused");
    assert!(refused.to_string().contains("file-2.csv"), "{refused}");
}
