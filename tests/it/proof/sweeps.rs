//! Money between accounts of the house: what is swept out of the settlement account, and back, is booked once, whichever statement
//! tells of it first, and what somebody else keeps is cash.

use super::*;

/// Our own money.
const OPERATING: &str = "DE02120300000000202051";
/// What somebody else keeps.
const EXTERNAL: &str = "DE02500105170137075030";

async fn world() -> World {
    let number = format!("number = \"{ACCOUNT}\"\n");
    let others = format!("{number}operating = \"{OPERATING}\"\nexternal = \"{EXTERNAL}\"\n");
    World::with(&settings().replacen(&number, &others, 1), STORY).await
}

/// A statement of what somebody else keeps.
fn external(on: &str, opening: i64, entries: &[&str]) -> String {
    statement(on, opening, entries)
        .replace(ACCOUNT, EXTERNAL)
        .replace("SETTLEMENT", ACCOUNT)
}

/// The one file with the statements of both.
fn together(one: &str, other: &str) -> String {
    let (_, stated) = other.split_once("<Stmt>").expect("a statement");
    let (stated, _) = stated.split_once("</Stmt>").expect("its end");
    one.replacen("</Stmt>", &format!("</Stmt>\n<Stmt>{stated}</Stmt>"), 1)
}

impl World {
    /// What is on our accounts, and in suspense.
    async fn cash(&self) -> String {
        let sql = "select coalesce(string_agg(code || '=' || sum, ' ' order by code), '') from (
                select code, sum(debits - credits) from balance join account on account.id = account_id
                where code in (1010, 1020, 1030, 1900, 2900, 4080) group by code having sum(debits - credits) <> 0) as held";
        self.stage.test.admin.query_one(sql, &[]).await.expect("a row").get(0)
    }

    /// How many entries of statements are on the books, and how often statements tell of a sweep.
    async fn swept(&self) -> (i64, i64) {
        let sql = "select (select count(*) from entry where kind = 41), (select count(*) from bank_match where kind = 'sweep')";
        let row = self.stage.test.admin.query_one(sql, &[]).await.expect("a row");
        (row.get(0), row.get(1))
    }
}

#[tokio::test]
async fn a_sweep_is_booked_by_the_statement_that_comes_first() {
    let mut world = world().await;
    let out = format!("-60.00 with={EXTERNAL} text=safe");
    let margin = format!("-1.50 with={OPERATING}");
    let named = format!("-0.70 text=to/{OPERATING}");
    let entries = ["+99.00 text=20260303001", &out, &margin, &named];
    world.load(&statement("2026-03-03", 0, &entries)).await;
    // 99.00 - 60.00 - 2.20.
    assert_eq!(world.cash().await, "1010=3680 1020=220 1030=6000");
    assert_eq!(world.swept().await, (4, 3));
    World::is(
        &world.open("2026-03-03").await,
        "4 main EUR incomplete 60.00 0.00 60.00 0.00
         open 4 bank_entry 2026-03-03 60.00
         5 EUR incomplete 96.80 96.80 0.00 0.00
         missing EUR no statement of DE02500105170137075030 in EUR has come",
    );
    let came = ["+60.00 with=SETTLEMENT on=2026-03-04", "+0.05 code=INTR"];
    world.load(&external("2026-03-04", 0, &came)).await;
    assert_eq!(world.cash().await, "1010=3680 1020=220 1030=6005 4080=-5");
    assert_eq!(world.swept().await, (5, 4));

    // Back, and the other way round: what somebody else keeps is stated first.
    let back = ["-20.00 with=SETTLEMENT"];
    world.load(&external("2026-03-05", 6_005, &back)).await;
    assert_eq!(world.cash().await, "1010=5680 1020=220 1030=4005 4080=-5");
    let own = format!("+1.00 with={OPERATING}");
    let (quiet, back) = (format!("+20.00 with={EXTERNAL}"), own.as_str());
    world.load(&statement("2026-03-04", 3_680, &[])).await;
    world.load(&statement("2026-03-05", 3_680, &[])).await;
    World::is(
        &world.open("2026-03-05").await,
        "4 main EUR explained 56.80 36.80 20.00 0.00
         open 4 bank_entry 2026-03-05 20.00",
    );
    world.load(&statement("2026-03-06", 3_680, &[&quiet, back])).await;
    assert_eq!(world.cash().await, "1010=5780 1020=120 1030=4005 4080=-5");
    assert_eq!(world.swept().await, (7, 7));
    world.load(&external("2026-03-06", 4_005, &[])).await;
    World::is(
        &world.proof("2026-03-06").await,
        "1 north EUR closes 50.00 50.00 0.00 0.00
         2 north EUR closes 99.00 99.00 0.00 0.00
         3 north EUR closes 0.00 0.00 0.00 0.00
         4 main EUR closes 57.80 57.80 0.00 0.00
         4 main EUR closes 40.05 40.05 0.00 0.00
         5 EUR closes 97.85 96.80 1.05 0.00",
    );
    assert_eq!(
        world.safeguarded("2026-03-06").await,
        [
            "requirement merchants' share of what has come 96.80",
            "requirement all of it 96.80",
            "cash on bank accounts 97.85",
            "surplus 1.05 covered",
        ]
    );
}

#[tokio::test]
async fn both_statements_may_come_in_one_file_and_sweeps_be_alike() {
    let mut world = world().await;
    let out = format!("-10.00 with={EXTERNAL}");
    let day = statement("2026-03-03", 0, &["+99.00 text=20260303001", &out, &out]);
    let other = external("2026-03-03", 0, &["+10.00 with=SETTLEMENT", "+10.00 with=SETTLEMENT"]);
    world.load(&together(&day, &other)).await;
    assert_eq!(world.cash().await, "1010=7900 1030=2000");
    assert_eq!(world.swept().await, (3, 4));
    assert_eq!(world.open("2026-03-03").await, [""; 0]);
    // The same in two files, the other way round, and one more that nothing tells of yet.
    world
        .load(&external(
            "2026-03-04",
            2_000,
            &["+10.00 with=SETTLEMENT", "+10.00 with=SETTLEMENT"],
        ))
        .await;
    world.load(&statement("2026-03-04", 7_900, &[&out, &out, &out])).await;
    assert_eq!(world.cash().await, "1010=4900 1030=5000");
    assert_eq!(world.swept().await, (6, 9));
}

#[tokio::test]
async fn what_nobody_knows_of_an_external_account_is_in_suspense_and_own_money_is_not_stated() {
    let mut world = world().await;
    world
        .load(&external("2026-03-03", 0, &["+99.00 text=20260303001"]))
        .await;
    // No acquirer pays there: the batch is awaited still.
    assert_eq!(world.cash().await, "1030=9900 2900=-9900");
    let own = statement("2026-03-03", 0, &["+1.00 text=?"]).replace(ACCOUNT, OPERATING);
    let path = world.directory.path().join("own.xml");
    std::fs::write(&path, own).expect("a file");
    let (code, said) = world.acquit("bank load own.xml --execute");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("own money (`operating`)"), "{said}");
}
