//! A database as text that is equal exactly when its content is: without clocks, sequences and what follows from them.

use tokio_postgres::Client;

/// Every table and its rows, but for when they were written, ids that sequences drew (their names stand for them) and
/// hashes (which cover both).
pub const TABLES: &[(&str, &str)] = &[
    ("acquirer", "select name from acquirer"),
    ("settings_version", "select effective_from, digest, content from settings_version"),
    ("calendar_version", "select name, number, digest, content from calendar_version"),
    ("source", "select kind, name, digest, run from source"),
    ("book", "select merchant, number from book"),
    ("account", "select code, currency, exponent, dimension from account"),
    (
        "entry",
        "select merchant, entry.number, entry.kind, reference, fingerprint, payment, acquirer_reference, merchant_reference, arn, rrn,
            auth_code, details, natural_key, reverses, occurred_at, booking_date, happened_on, source.kind, source.name, source_line
        from entry join book on book.id = book_id join source on source.id = source_id",
    ),
    (
        "transfer",
        "select merchant, entry_number, ordinal, debit.code, debit.currency, debit.dimension, credit.code, credit.currency,
            credit.dimension, amount
        from transfer join book on book.id = book_id
        join account debit on debit.id = debit_account join account credit on credit.id = credit_account",
    ),
    (
        "balance",
        "select merchant, code, currency, dimension, debits, credits, keeps_side
        from balance join book on book.id = book_id join account on account.id = account_id",
    ),
    (
        "payment",
        "select merchant, acquirer.name, to_jsonb(one) - 'book_id' - 'acquirer_id'
        from payment one join book on book.id = book_id join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "open_item",
        "select merchant, acquirer.name, to_jsonb(open_item) - 'book_id' - 'acquirer_id'
        from open_item join book on book.id = book_id join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "accrual",
        "select merchant, to_jsonb(accrual) - 'book_id' from accrual join book on book.id = book_id",
    ),
    (
        "aggregate",
        "select merchant, acquirer.name, to_jsonb(one) - 'book_id' - 'acquirer_id'
        from aggregate one join book on book.id = book_id join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "maturing",
        "select merchant, to_jsonb(maturing) - 'book_id' from maturing join book on book.id = book_id",
    ),
    (
        "reserve_tranche",
        "select merchant, to_jsonb(reserve_tranche) - 'book_id' from reserve_tranche join book on book.id = book_id",
    ),
    (
        "hold",
        "select merchant, to_jsonb(hold) - 'book_id' - 'id' from hold join book on book.id = book_id",
    ),
    (
        "loss",
        "select merchant, to_jsonb(loss) - 'book_id' - 'id' - 'recovers' from loss join book on book.id = book_id",
    ),
    (
        "adjustment",
        "select merchant, to_jsonb(adjustment) - 'book_id' - 'id' from adjustment join book on book.id = book_id",
    ),
    (
        "monthly_limit",
        "select acquirer.name, to_jsonb(monthly_limit) - 'acquirer_id'
        from monthly_limit join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "velocity_activity",
        "select merchant, to_jsonb(velocity_activity) - 'book_id' from velocity_activity join book on book.id = book_id",
    ),
    (
        "velocity_decision",
        "select merchant, to_jsonb(velocity_decision) - 'book_id' from velocity_decision join book on book.id = book_id",
    ),
    (
        "settlement_file",
        "select source.name, run, acquirer.name, state, reason, format, lines, rejects, as_of
        from settlement_file join source on source.id = source_id join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "file_decision",
        "select source.name, source.run, decision, decided_by, reason, presented_by, superseding.name, undoing.name
        from file_decision join source on source.id = source_id left join source superseding on superseding.id = superseded_by
        left join source undoing on undoing.id = run_id",
    ),
    ("period", "select through, note, trial_balance, closed_by from period"),
    (
        "settlement_reserve",
        "select source.name, source.run, merchant, to_jsonb(settlement_reserve) - 'source_id' - 'book_id'
        from settlement_reserve join source on source.id = source_id join book on book.id = book_id",
    ),
    (
        "settlement_return",
        "select source.name, source.run, acquirer.name, to_jsonb(settlement_return) - 'source_id' - 'acquirer_id'
        from settlement_return join source on source.id = source_id join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "cost_sum",
        "select source.name, source.run, to_jsonb(cost_sum) - 'source_id' from cost_sum join source on source.id = source_id",
    ),
    (
        "tolerated",
        "select source.name, source.run, currency, used from tolerated join source on source.id = source_id",
    ),
    (
        "cost_claim",
        "select source.name, source.run, acquirer.name, to_jsonb(cost_claim) - 'source_id' - 'acquirer_id'
        from cost_claim join source on source.id = source_id join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "acquirer_invoice",
        "select acquirer.name, to_jsonb(one) - 'acquirer_id' from acquirer_invoice one join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "settlement_line",
        "select source.name, to_jsonb(settlement_line) - 'source_id' from settlement_line join source on source.id = source_id",
    ),
    (
        "settlement_balance",
        "select source.name, to_jsonb(one) - 'source_id' - 'acquirer_id' from settlement_balance one join source on source.id = source_id",
    ),
    (
        "settlement_batch",
        "select source.name, to_jsonb(settlement_batch) - 'source_id' from settlement_batch join source on source.id = source_id",
    ),
    (
        "settlement_reject",
        "select source.name, line, place, column_name, reason from settlement_reject join source on source.id = source_id",
    ),
    (
        "settlement_match",
        "select merchant, settlement_match.number, source.name, ordinal, round, pass, rules, item_gross, line_gross, passed_on, passed_on_vat, merchant_fee,
            reserve, cost, matures, passes_costs, costs_vat, expected_on, reserve_until, advanced
        from settlement_match join book on book.id = book_id join source on source.id = source_id",
    ),
    (
        "bank_file",
        "select source.name, state, reason, format, statements, entries, rejects from bank_file join source on source.id = source_id",
    ),
    (
        "bank_statement",
        "select source.name, to_jsonb(one) - 'source_id' from bank_statement one join source on source.id = source_id",
    ),
    (
        "bank_entry",
        "select source.name, to_jsonb(one) - 'source_id' from bank_entry one join source on source.id = source_id",
    ),
    (
        "bank_match",
        "select source.name, merchant, acquirer.name, to_jsonb(one) - 'source_id' - 'book_id' - 'acquirer_id'
        from bank_match one join source on source.id = source_id join book on book.id = book_id left join acquirer on acquirer.id = acquirer_id",
    ),
    (
        "bank_reject",
        "select source.name, to_jsonb(one) - 'source_id' from bank_reject one join source on source.id = source_id",
    ),
    (
        "bank_suspended",
        "select source.name, to_jsonb(one) - 'source_id' from bank_suspended one join source on source.id = source_id",
    ),
    (
        "break_batch",
        "select class, detail, proposal.round, acquirer.name, to_jsonb(one) - 'proposal_id' - 'acquirer_id'
        from break_batch one join break_proposal proposal on proposal.id = proposal_id join break on break.id = break_id
        join acquirer on acquirer.id = one.acquirer_id",
    ),
    (
        "break",
        "select class, acquirer.name, state, resolution, source.name, ordinal, merchant, break.number, expected, expected_in, actual,
            actual_in, suspense_number, kept_pending, found.name, expected_on, detail, owner, quiet_until
        from break join acquirer on acquirer.id = acquirer_id join source found on found.id = found_in
        left join source on source.id = source_id left join book on book.id = book_id",
    ),
    (
        "break_match",
        "select class, detail, book.merchant, break_match.number, proposal.round, break_match.item is not null
        from break_match join break_proposal proposal on proposal.id = proposal_id join break on break.id = break_id
        join book on book.id = break_match.book_id",
    ),
    (
        "break_reserve",
        "select class, detail, book.merchant, to_jsonb(break_reserve) - 'proposal_id' - 'book_id'
        from break_reserve join break_proposal proposal on proposal.id = proposal_id join break on break.id = break_id
        join book on book.id = break_reserve.book_id",
    ),
    ("break_reason", "select name, resolution from break_reason"),
    (
        "break_proposal",
        "select class, detail, to_jsonb(one) - 'id' - 'break_id' - 'proposed_at' - 'item'
        from break_proposal one join break on break.id = break_id",
    ),
    (
        "break_entry",
        "select merchant, break_entry.number, class, detail
        from break_entry join book on book.id = break_entry.book_id join break on break.id = break_id",
    ),
    (
        "break_step",
        "select class, detail, what, by, step.owner, note, evidence
        from break_step step join break on break.id = break_id",
    ),
    (
        "payout",
        "select merchant, currency, exponent, payout.cutoff, amount, fee, vat, payout.state, end_to_end_id, holder, destination, bank, planned_by,
            run.plan, source.name, instruction, confirmation, unknown_on, unknown_by, unknown_note, returned_on, returned_by, return_reason, return_entry
        from payout join book on book.id = book_id left join source on source.id = file_id left join payout_run run on run.id = run_id",
    ),
    (
        "payout_run",
        "select cutoff, plan, planners, approvers, finance_heads, first_approver, second_approver, state from payout_run",
    ),
    (
        "payout_file",
        "select name, digest, cutoff, ordinal, format, execute_on, written, sent_on, sent_by from payout_file join source on source.id = source_id",
    ),
    (
        "idempotency_key",
        "select merchant, environment, operation, key, fingerprint, status, body from idempotency_key",
    ),
    ("worker_task", "select name, outcome, error, done_through, failures from worker_task"),
];

/// The content of a database, one row a line.
pub async fn content(admin: &Client) -> String {
    let known =
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        and relname not in ('refinery_schema_history', 'account_code', 'entry_kind', 'record_type') order by 1";
    let known: Vec<String> = admin
        .query(known, &[])
        .await
        .expect("tables")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let mut dumped: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    dumped.sort_unstable();
    assert_eq!(known, dumped, "a table that no dump shows");
    let mut content = String::new();
    for (name, columns) in TABLES {
        let sql = format!("select x::text from ({columns}) as x order by 1");
        for row in admin.query(&sql, &[]).await.expect(name) {
            content.push_str(name);
            content.push_str(row.get(0));
            content.push('\n');
        }
    }
    content
}

/// Where two contents differ: the lines that only one of them has.
pub fn difference(expected: &str, found: &str) -> String {
    let missing = expected
        .lines()
        .filter(|line| !found.lines().any(|other| other == *line))
        .map(|line| format!("- {line}"));
    let surplus = found
        .lines()
        .filter(|line| !expected.lines().any(|other| other == *line))
        .map(|line| format!("+ {line}"));
    missing.chain(surplus).take(20).collect::<Vec<_>>().join("\n")
}
