//! Who may do what to which table, all of it: roles × tables × verbs, and the triggers that hold even for the owner.

use std::collections::BTreeMap;
use std::fmt::Write;

use acquit::acquirer::RecordType;
use acquit::ledger::account::{AccountCode, DimensionKind, Side};
use acquit::ledger::entry::EntryKind;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::support;

/// What `acquit_runtime` may do beside reading. A verb with columns is granted on those only.
const RUNTIME: &str = "
account: insert(code currency exponent dimension)
account_code:
accrual: insert, update(exact posted vat_posted)
acquirer: insert(name), update(name)
acquirer_invoice: insert(acquirer_id invoice month currency interchange scheme_fee markup vat expected booked_on booked_by number), update(paid_on paid_by payment)
adjustment: insert(book_id reference currency exponent amount reason evidence note proposed_on proposed_by content), update(state decided_on decided_by decided rejection number)
aggregate: insert, update(items gross merchant_fee reserve passes_costs costs_vat closed)
balance: insert, update(debits credits)
bank_entry: insert
bank_file: insert
bank_match: insert
bank_reject: insert
bank_statement: insert
bank_suspended: insert
book: insert(merchant), update(number hash)
break: insert(class acquirer_id source_id ordinal book_id number expected expected_in actual actual_in suspense_number kept_pending found_in expected_on detail), update(state resolution owner proposal_id quiet_until)
break_batch: insert
break_entry: insert
break_match: insert(proposal_id book_id number), update(item)
break_proposal: insert(break_id round plan request resolution reason note evidence merchant recovers quiet_until currency amount approvers finance_heads proposed_by), update(item withheld state first_approver second_approver)
break_reason:
break_reserve: insert
break_step: insert(break_id what by owner note evidence proposal_id)
calendar_version: insert(name number digest content)
cost_claim: insert
cost_sum: insert
entry: insert
entry_kind:
file_decision: insert(source_id decision decided_by reason presented_by superseded_by run_id)
hold: insert(book_id currency exponent amount reason owner placed_on expires_on number), update(released released_by)
idempotency_key: insert(merchant environment operation key fingerprint status body), delete
loss: insert(book_id currency exponent amount recovers reason note planned_on planned_by), update(recovered state approved_by number)
maturing: insert, update(payable reserve), delete
monthly_limit: insert, update(held kept)
open_item: insert, update(merchant_fee reserve matures reserve_until advanced), delete
payment: insert, update(acquirer_id currency requested authorized captured over_captured voided expired refunded charged_back fee_returnable vat_returnable fee_returned vat_returned accrued dispute_fee dispute_vat unpaid expires_at captured_at earlier_captures final_captures limit_month method scheme card_country payer category rrn auth_code card merchant_reference refunds)
payout: insert(book_id currency exponent cutoff amount fee vat end_to_end_id holder destination bank planned_by), update(state run_id file_id instruction confirmation unknown_on unknown_by unknown_note returned_on returned_by return_reason return_entry)
payout_file: insert(source_id cutoff ordinal format execute_on), update(written sent_on sent_by)
payout_run: insert(cutoff plan planners approvers finance_heads), update(first_approver second_approver state)
period: insert(through note trial_balance closed_by)
record_type:
refinery_schema_history:
reserve_tranche: insert(book_id currency source_on release_on withheld), update(withheld released applied)
settings_version: insert(effective_from digest content)
settlement_balance: insert
settlement_batch: insert
settlement_file: insert
settlement_line: insert
settlement_match: insert
settlement_reject: insert
settlement_reserve: insert
settlement_return: insert
source: insert(kind name digest run)
tolerated: insert
transfer: insert
velocity_activity: insert
velocity_decision: insert
worker_task: insert(name), update(token holder granted_at expires_at ended_at outcome error done_at done_through runs failures lost)
";

/// Tables that nobody changes, not even their owner.
const APPEND_ONLY: [&str; 31] = [
    "account",
    "bank_entry",
    "bank_file",
    "bank_match",
    "bank_reject",
    "bank_statement",
    "bank_suspended",
    "break_batch",
    "break_entry",
    "break_reason",
    "break_reserve",
    "break_step",
    "calendar_version",
    "cost_claim",
    "cost_sum",
    "entry",
    "file_decision",
    "period",
    "settings_version",
    "settlement_balance",
    "settlement_batch",
    "settlement_file",
    "settlement_line",
    "settlement_match",
    "settlement_reject",
    "settlement_reserve",
    "settlement_return",
    "source",
    "tolerated",
    "transfer",
    "velocity_decision",
];

async fn tables(admin: &Client) -> Vec<String> {
    let query = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') \
                 order by relname collate \"C\"";
    let rows = admin.query(query, &[]).await.expect("tables");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The rights of a role as the catalogue has them, in the form of [`RUNTIME`], and whether it may read everything.
async fn matrix(admin: &Client, role: &str) -> (String, bool) {
    let mut text = String::from("\n");
    let mut reads_all = true;
    for table in tables(admin).await {
        let quoted = format!("public.\"{table}\"");
        let may = async |verb: &str| -> bool {
            let row = admin
                .query_one("select has_table_privilege($1, $2, $3)", &[&role, &quoted, &verb])
                .await;
            row.expect("a right").get(0)
        };
        reads_all &= may("select").await;
        let mut verbs = Vec::new();
        for verb in ["insert", "update", "delete", "truncate", "references", "trigger"] {
            if may(verb).await {
                verbs.push(verb.to_owned());
                continue;
            }
            if !matches!(verb, "insert" | "update" | "references") {
                continue;
            }
            let rows = admin
                .query(
                    "select attname::text from pg_attribute where attrelid = $2::text::regclass and attnum > 0 \
                     and not attisdropped and has_column_privilege($1, attrelid, attnum, $3) order by attnum",
                    &[&role, &quoted, &verb],
                )
                .await
                .expect("columns");
            let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            if !columns.is_empty() {
                verbs.push(format!("{verb}({})", columns.join(" ")));
            }
        }
        writeln!(text, "{}", format!("{table}: {}", verbs.join(", ")).trim_end()).expect("a line");
    }
    (text, reads_all)
}

#[tokio::test]
async fn the_run_time_role_may_do_what_the_matrix_says() {
    let test = support::store().await;
    let (found, reads_all) = matrix(&test.admin, "acquit_runtime").await;
    assert_eq!(found, RUNTIME);
    assert!(reads_all);
}

#[tokio::test]
async fn the_auditor_only_reads() {
    let test = support::store().await;
    let (found, reads_all) = matrix(&test.admin, "acquit_auditor").await;
    for line in found.lines() {
        assert!(line.is_empty() || line.ends_with(':'), "{line}");
    }
    assert!(reads_all);
}

#[tokio::test]
async fn roles_own_nothing_and_cannot_log_in() {
    let test = support::store().await;
    for role in ["acquit_runtime", "acquit_auditor"] {
        let row = test
            .admin
            .query_one(
                "select rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolbypassrls, \
                 (select count(*) from pg_class where relowner = r.oid) + (select count(*) from pg_proc where proowner = r.oid), \
                 has_schema_privilege(rolname, 'public', 'create') from pg_roles r where rolname = $1",
                &[&role],
            )
            .await
            .expect("the role");
        assert!(!row.get::<_, bool>(0), "{role}");
        assert_eq!(row.get::<_, i64>(1), 0, "{role}");
        assert!(!row.get::<_, bool>(2), "{role}");
    }
}

#[tokio::test]
async fn what_is_not_granted_is_refused() {
    let test = support::store().await;
    let session = test.store.session().await.expect("a session");
    let granted: BTreeMap<&str, &str> = RUNTIME.lines().filter_map(|line| line.split_once(':')).collect();
    for table in tables(&test.admin).await {
        let verbs = granted.get(table.as_str()).expect("every table is in the matrix");
        let mut refused = vec![
            format!("truncate \"{table}\""),
            format!("alter table \"{table}\" add column x int"),
        ];
        if !verbs.contains("delete") {
            refused.push(format!("delete from \"{table}\""));
        }
        if !verbs.contains("insert") {
            refused.push(format!("insert into \"{table}\" default values"));
        }
        if !verbs.contains("update") {
            let column: String = test
                .admin
                .query_one(
                    "select attname::text from pg_attribute where attrelid = $1::text::regclass and attnum = 1",
                    &[&format!("public.\"{table}\"")],
                )
                .await
                .expect("a column")
                .get(0);
            refused.push(format!("update \"{table}\" set {column} = default"));
            refused.push(format!("select from \"{table}\" for update"));
        }
        for statement in refused {
            let error = session.batch_execute(&statement).await.expect_err(&statement);
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        }
    }
}

#[tokio::test]
async fn the_run_time_role_chooses_no_id_no_time_and_no_state() {
    let test = support::store().await;
    let session = test.store.session().await.expect("a session");
    for statement in [
        "insert into acquirer (id, name) overriding system value values (7, 'seven')",
        "insert into book (id, merchant) overriding system value values (7, 'seven')",
        "insert into book (merchant, number) values ('seven', 7)",
        "insert into source (kind, name, digest, recorded_at) values ('events', 'x', '', '2001-01-01')",
        "insert into payout (book_id, currency, exponent, cutoff, amount, fee, vat, end_to_end_id, holder, destination, bank, \
         planned_by, state, run_id) values (1, 'EUR', 2, '2026-01-01', 1, 0, 0, 'x', 'x', 'x', 'x', 'me', 'approved', 1)",
        "select setval(pg_get_serial_sequence('payout', 'id'), 1)",
    ] {
        let error = session.batch_execute(statement).await.expect_err(statement);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
    }
}

#[tokio::test]
async fn append_only_tables_refuse_everybody() {
    let test = support::store().await;
    for table in APPEND_ONLY {
        let column: String = test
            .admin
            .query_one(
                "select attname::text from pg_attribute where attrelid = $1::text::regclass and attnum = 2",
                &[&format!("public.{table}")],
            )
            .await
            .expect("a column")
            .get(0);
        // `replica` skips ordinary triggers, so these are not ordinary.
        for mode in ["origin", "replica"] {
            for statement in [
                format!("update {table} set {column} = default"),
                format!("delete from {table}"),
                format!("truncate {table} cascade"),
            ] {
                let both = format!("set session_replication_role = {mode}; {statement}");
                let error = test.admin.batch_execute(&both).await.expect_err(&both);
                let refused = error.as_db_error().expect("a refusal");
                // An identity column has no say before its trigger; TRUNCATE CASCADE may meet another table's trigger first.
                assert_eq!(refused.code(), &SqlState::RESTRICT_VIOLATION, "{both}: {refused}");
                assert!(refused.message().contains("is append-only"), "{refused}");
            }
        }
        test.admin
            .batch_execute("reset session_replication_role")
            .await
            .expect("a reset");
    }
    let rows = test
        .admin
        .query(
            "select tgrelid::regclass::text from pg_trigger where tgname like '%\\_append\\_only' and tgenabled = 'A' \
             order by tgrelid::regclass::text collate \"C\"",
            &[],
        )
        .await
        .expect("triggers");
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, APPEND_ONLY);
}

#[tokio::test]
async fn the_chart_in_sql_is_the_chart_in_rust() {
    let test = support::store().await;
    let rows = test
        .admin
        .query(
            "select number, name, side, dimension, may_cross_zero, memo from account_code order by number",
            &[],
        )
        .await
        .expect("the chart");
    let in_sql: Vec<String> = rows
        .iter()
        .map(|row| {
            let (number, name, side, dimension): (i16, String, String, String) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            let (crosses, memo): (bool, bool) = (row.get(4), row.get(5));
            format!("{number} {name} {side} {dimension} crosses:{crosses} memo:{memo}")
        })
        .collect();
    let in_rust: Vec<String> = AccountCode::ALL
        .iter()
        .map(|code| {
            let side = match code.side() {
                Side::Debit => "debit",
                Side::Credit => "credit",
            };
            let dimension = match code.dimension() {
                DimensionKind::None => "none",
                DimensionKind::Acquirer => "acquirer",
                DimensionKind::Bank => "bank",
            };
            let (crosses, memo) = (code.may_cross_zero(), code.is_memo());
            format!(
                "{} {} {side} {dimension} crosses:{crosses} memo:{memo}",
                code.number(),
                code.name()
            )
        })
        .collect();
    assert_eq!(in_sql.join("\n"), in_rust.join("\n"));
}

#[tokio::test]
async fn kinds_and_record_types_in_sql_are_those_in_rust() {
    let test = support::store().await;
    let named = async |table: &str| -> Vec<(i16, String)> {
        let query = format!("select id, name from {table} order by id");
        let rows = test.admin.query(&query, &[]).await.expect("rows");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    let kinds: Vec<(i16, String)> = EntryKind::ALL
        .iter()
        .map(|kind| (kind.id(), kind.name().to_owned()))
        .collect();
    assert_eq!(named("entry_kind").await, kinds);
    let records: Vec<(i16, String)> = RecordType::ALL
        .iter()
        .map(|record| (record.id(), record.name().to_owned()))
        .collect();
    assert_eq!(named("record_type").await, records);
}
