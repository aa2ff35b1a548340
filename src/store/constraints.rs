//! What each constraint of the schema says, for people. Pure code refuses first and with better words; who reads one of these
//! has met something that it let through, or a change by another hand. A test finds no constraint without a sentence.

/// Constraints and unique indexes by name, in alphabetical order: the rule that was broken.
pub const RULES: &[(&str, &str)] = &[
    (
        "account_code_dimension",
        "an account code is kept by acquirer, by bank or by neither",
    ),
    ("account_code_name", "a name belongs to one account code"),
    ("account_code_side", "an account code has a debit or a credit side"),
    (
        "account_currency",
        "the currency of an account is three capital letters",
    ),
    ("account_exponent", "a currency has 0 to 4 decimals"),
    (
        "account_identity",
        "an account is there once by code, currency and dimension",
    ),
    (
        "accrual_component",
        "an exact sum of fees is of percentages or of fixed parts",
    ),
    (
        "accrual_identity",
        "there is one exact sum of fees a schedule version, component, currency and period",
    ),
    (
        "accrual_within_one_unit",
        "posted fees differ from their exact sum by less than one minor unit",
    ),
    (
        "acquirer_invoice_amounts",
        "an invoice is of more than zero, and no part of it below",
    ),
    (
        "acquirer_invoice_identity",
        "a number belongs to one invoice of an acquirer",
    ),
    (
        "acquirer_invoice_month",
        "an invoice is for a month, which begins on its first day",
    ),
    (
        "acquirer_invoice_paid",
        "who booked the payment of an invoice, and when, is known exactly when it is paid",
    ),
    ("acquirer_name", "a name belongs to one acquirer"),
    ("adjustment_amount", "an adjustment is of something"),
    (
        "adjustment_as_proposed",
        "an adjustment is approved, or rejected, as it was proposed",
    ),
    (
        "adjustment_booked",
        "an adjustment that is booked has an entry, another has none",
    ),
    ("adjustment_content", "the digest of an adjustment has 32 bytes"),
    (
        "adjustment_decided",
        "who approved or rejected an adjustment, and when, is known exactly when it is decided, which is not before it is proposed",
    ),
    ("adjustment_of_entry", "an entry books one adjustment"),
    (
        "adjustment_reason",
        "an adjustment has a reason that is known, and one for its direction",
    ),
    (
        "adjustment_reference",
        "a reference belongs to one adjustment of a merchant",
    ),
    (
        "adjustment_rejected",
        "an adjustment that is rejected says why, another does not",
    ),
    ("adjustment_state", "an adjustment is proposed, booked or rejected"),
    (
        "adjustment_two_people",
        "who approves an adjustment is not who proposed it",
    ),
    (
        "aggregate_costs_vat",
        "only costs that are passed on carry VAT of the merchant's",
    ),
    ("aggregate_gross", "an aggregate is of no less than zero"),
    ("aggregate_identity", "a name belongs to one aggregate of a book"),
    ("aggregate_items", "an aggregate holds no less than no captures"),
    ("balance_credits", "the credits of a balance are not below zero"),
    ("balance_debits", "the debits of a balance are not below zero"),
    ("balance_identity", "a book has one balance an account"),
    ("balance_keeps_side", "a balance keeps the debit or the credit side"),
    ("balance_within_side", "the balance of this account may not cross zero"),
    (
        "bank_entry_identity",
        "an entry of a bank statement is there once a place",
    ),
    (
        "bank_entry_status",
        "an entry of a bank statement is booked, pending, information or future",
    ),
    (
        "bank_file_reason",
        "why a bank file is in quarantine is known exactly when it is",
    ),
    ("bank_file_state", "a bank file is booked or quarantined"),
    (
        "bank_match_amount",
        "what an entry of a bank statement comes to is not zero",
    ),
    ("bank_match_identity", "a part of an entry comes to one thing"),
    (
        "bank_match_kind",
        "an entry of a bank statement is a receipt, payout, return, recorded, charge, interest, sweep or suspense",
    ),
    ("bank_match_part", "the parts of an entry are numbered from 1"),
    (
        "bank_match_receipt",
        "a receipt, and nothing else, pays a batch of an acquirer",
    ),
    ("bank_reject_identity", "a reject is there once a place of its file"),
    (
        "bank_statement_balances",
        "a bank statement begins and ends with a balance",
    ),
    (
        "bank_statement_code",
        "a bank statement is of a settlement account, or of one that somebody else keeps",
    ),
    (
        "bank_statement_content",
        "what a bank statement says is known by 32 bytes",
    ),
    (
        "bank_statement_identity",
        "a bank statement is there once a place of its file",
    ),
    (
        "bank_statement_once",
        "what a bank statement says of an account and day is booked once",
    ),
    (
        "bank_statement_period",
        "a bank statement ends no earlier than it begins",
    ),
    (
        "bank_statement_state",
        "a bank statement is booked, repeated or information",
    ),
    (
        "bank_suspended_identity",
        "what of a bank statement is in suspense is there once an entry of the house",
    ),
    ("book_hash", "the hash of a book is 32 bytes long"),
    ("book_merchant", "a merchant has one book"),
    ("book_number", "the number of a book's last entry is not below zero"),
    ("break_actual", "what a file says of a break has a currency"),
    ("break_batch_amount", "what a batch gets of a receipt is not zero"),
    ("break_batch_identity", "a proposal gives a receipt to a batch once"),
    ("break_decided", "a break is resolved by a proposal, a match, or a file"),
    ("break_entry_identity", "an entry resolves one break"),
    ("break_expected", "what the ledger says of a break has a currency"),
    ("break_kept_pending", "what a break keeps pending is more than zero"),
    ("break_match_identity", "a proposal matches an entry once"),
    ("break_once_per_file", "a break of a file is named once"),
    ("break_once_per_line", "a break of a line is named once"),
    (
        "break_once_per_missing_item",
        "an item that is missing has one open break",
    ),
    (
        "break_proposal",
        "what resolved a break is named exactly while it is resolved",
    ),
    (
        "break_proposal_amount",
        "no less than nothing is at stake in a proposal",
    ),
    (
        "break_proposal_approved",
        "as many others approve a resolution as the ladder asks for, before it is booked",
    ),
    ("break_proposal_approvers", "no, one or two others approve a resolution"),
    (
        "break_proposal_by_head",
        "above the second limit a finance head approves, before it is booked",
    ),
    ("break_proposal_currency", "what is at stake has a currency"),
    ("break_proposal_evidence", "the digest of evidence is 32 bytes long"),
    ("break_proposal_executed_once", "a break is resolved by one proposal"),
    ("break_proposal_heads", "a finance head is one of two approvers"),
    ("break_proposal_in_turn", "a second approval comes after the first"),
    ("break_proposal_once", "the proposals of a break are numbered once each"),
    ("break_proposal_plan", "the digest of a plan is 32 bytes long"),
    ("break_proposal_request", "the digest of a request is 32 bytes long"),
    ("break_proposal_round", "the proposals of a break are numbered from 1"),
    (
        "break_proposal_state",
        "a proposal is waiting, executed, withdrawn or reopened",
    ),
    (
        "break_proposal_two_people",
        "who proposes a resolution does not approve it, and nobody approves it twice",
    ),
    (
        "break_proposal_waiting_once",
        "one proposal of a break waits for approval",
    ),
    ("break_proposal_withheld", "no less than nothing is withheld"),
    ("break_reason_name", "a name belongs to one reason"),
    ("break_reason_resolution", "a reason belongs to one resolution"),
    ("break_reserve_identity", "a match by hand names a tranche once"),
    ("break_reserve_withheld", "a match by hand withholds more than nothing"),
    (
        "break_resolution",
        "a break has a resolution exactly when it is resolved",
    ),
    (
        "break_resolution_name",
        "a break is resolved by match, adjustment, write-off, recovery or timing",
    ),
    ("break_state", "a break is open, investigating or resolved"),
    ("break_step_evidence", "the digest of evidence is 32 bytes long"),
    (
        "break_step_owner",
        "a break is given to somebody by the step that assigns it",
    ),
    ("break_step_what", "a step of a break is one of those that there are"),
    (
        "calendar_version_digest",
        "the digest of a calendar file is 32 bytes long",
    ),
    (
        "calendar_version_identity",
        "a number belongs to one version of a calendar",
    ),
    ("calendar_version_number", "versions of a calendar are numbered from 1"),
    (
        "cost_claim_component",
        "a claim is of all costs of a line, or of one of their components",
    ),
    (
        "cost_claim_differs",
        "a claim is for costs that are not those of the contract",
    ),
    ("cost_claim_identity", "the claims of a file are numbered once each"),
    ("cost_claim_lines", "a claim is of one line at least"),
    ("cost_claim_of_line", "a claim is of a line, or says what it is of"),
    ("cost_claim_place", "the claims of a file are numbered from 1"),
    ("cost_sum_component", "costs are added up together, or by component"),
    (
        "cost_sum_identity",
        "costs of a batch are added up once by month, currency, component and term",
    ),
    ("cost_sum_lines", "costs are added up of one line at least"),
    (
        "cost_sum_month",
        "costs are added up by months, which begin on their first day",
    ),
    ("entry_fingerprint", "the fingerprint of an entry is 32 bytes long"),
    (
        "entry_happened_on",
        "the day that governs an entry is beside its booking date only where it was closed, and so before it",
    ),
    ("entry_hash", "the hash of an entry is 32 bytes long"),
    ("entry_identity", "a number belongs to one entry of a book"),
    ("entry_kind_name", "a name belongs to one kind of entry"),
    (
        "entry_natural_key",
        "a capture's sequence, a dispute's round, and the payment of a refund by transfer are recorded once",
    ),
    ("entry_number", "entries are numbered from 1"),
    ("entry_reference", "a reference belongs to one entry of a book"),
    ("entry_reversed_once", "an entry is reversed once"),
    ("file_decision_by", "a decision about a settlement file is somebody's"),
    (
        "file_decision_identity",
        "a settlement file is presented, rejected, released and undone once each",
    ),
    (
        "file_decision_name",
        "a settlement file is presented, rejected, released or undone",
    ),
    (
        "file_decision_reason",
        "who rejects or releases a settlement file says why",
    ),
    (
        "file_decision_run",
        "what undoes a settlement file names the run that reverses it",
    ),
    (
        "file_decision_superseded",
        "a settlement file is superseded by another one, when it is undone",
    ),
    (
        "file_decision_two_people",
        "who presented a settlement file does not release it",
    ),
    ("hold_amount", "a hold is of more than zero"),
    ("hold_expires", "a hold does not expire before it is placed"),
    ("hold_of_entry", "an entry places one hold"),
    ("hold_released", "a released hold says who released it"),
    (
        "idempotency_key_body",
        "the body of an answer is not larger than a megabyte",
    ),
    (
        "idempotency_key_fingerprint",
        "the fingerprint of a request is 32 bytes long",
    ),
    (
        "idempotency_key_format",
        "an idempotency key is 1 to 255 visible ASCII characters",
    ),
    (
        "idempotency_key_identity",
        "an idempotency key has one answer a merchant, environment and operation",
    ),
    (
        "idempotency_key_scope",
        "the merchant, environment and operation of an idempotency key are names of 1 to 128 bytes",
    ),
    (
        "idempotency_key_status",
        "a success is kept, or a refusal that the work itself decided",
    ),
    (
        "loss_amount",
        "a loss, and what comes back of one, is of more than zero",
    ),
    (
        "loss_approved",
        "a loss is booked when somebody approves it, and not before",
    ),
    ("loss_booked", "a loss that is booked has an entry, another has none"),
    ("loss_of_entry", "an entry books one loss"),
    (
        "loss_reason",
        "a loss has a reason that is known, and what comes back has none",
    ),
    ("loss_recovered", "no more comes back of a loss than was given up"),
    ("loss_state", "a loss is planned, booked or cancelled"),
    ("loss_two_people", "who approves a loss is not who planned it"),
    (
        "loss_waiting",
        "a merchant has one planned loss or recovery in a currency",
    ),
    (
        "maturing_identity",
        "there is one sum a day of sale, day of availability and end of reserve",
    ),
    ("monthly_limit_held", "no less than nothing is held of a monthly limit"),
    (
        "monthly_limit_identity",
        "there is one monthly limit a carrier, payer, month and currency",
    ),
    ("monthly_limit_kept", "no less than nothing is kept of a monthly limit"),
    ("monthly_limit_month", "a month is named by its first day"),
    ("open_item_advanced", "what was advanced matures by no match"),
    (
        "open_item_costs_vat",
        "only costs that are passed on carry VAT of the merchant's",
    ),
    ("open_item_identity", "an entry has one open item"),
    ("open_item_reserve", "what is withheld of an item has a day of release"),
    ("payment_amounts", "no amount of a payment is below zero"),
    (
        "payment_captured_within_authorized",
        "what is captured within the promise, voided and expired is not more than was authorized",
    ),
    ("payment_fee_returned", "no more of a fee is given back than may be"),
    ("payment_identity", "a name belongs to one payment of a book"),
    (
        "payment_over_captured",
        "what is captured beyond the authorization is part of what is captured",
    ),
    (
        "payment_refunded_within_captured",
        "what is refunded is not more than was captured",
    ),
    (
        "payment_refunds",
        "a payment has refunds where something of it is refunded, and only there",
    ),
    ("payment_vat_returned", "no more VAT of a fee is given back than may be"),
    ("payout_amount", "a payout is of more than zero"),
    (
        "payout_approved",
        "a payout is approved with a run before it is instructed",
    ),
    (
        "payout_confirmed",
        "a payout has a confirming entry when it is confirmed, and may have one when it came back after that",
    ),
    (
        "payout_end_to_end_id",
        "an end-to-end id belongs to one payout of a book",
    ),
    ("payout_fee", "the fee of a payout is no less than zero"),
    (
        "payout_file_format",
        "a bank file is in a format that is known: csv, pain.001, pain.001.03 or nacha",
    ),
    ("payout_file_once", "the bank files of a cut-off are numbered once each"),
    (
        "payout_file_sent",
        "a bank file is sent by somebody on a day, after it was written",
    ),
    (
        "payout_filed",
        "a payout is in a bank file exactly when it is instructed",
    ),
    (
        "payout_instructed",
        "a payout has an instructing entry exactly when it is instructed, or has gone on from there",
    ),
    ("payout_once", "there is one payout a merchant, currency and cut-off"),
    (
        "payout_returned",
        "a payout has a day, a reason, a person and an entry of its return exactly when it came back",
    ),
    (
        "payout_run_approved",
        "a run is approved by as many as its ladder asks for",
    ),
    ("payout_run_approvers", "nobody, one or two approve a run"),
    (
        "payout_run_by_head",
        "a run that a finance head has to approve is approved by one",
    ),
    ("payout_run_heads", "where a finance head approves a run, two do"),
    (
        "payout_run_in_turn",
        "the first approval of a run comes before the second",
    ),
    ("payout_run_is_approved", "a run is approved or is not"),
    ("payout_run_plan", "the plan of a run is a SHA-256"),
    ("payout_run_planners", "a run was planned by somebody"),
    ("payout_run_state", "a run is waiting, approved or void"),
    (
        "payout_run_two_people",
        "who approves a run has not planned or approved any of it before",
    ),
    (
        "payout_run_waiting_once",
        "one run of a cut-off waits for approvals at a time",
    ),
    (
        "payout_state",
        "a payout is planned, approved, instructed, sent, unknown, confirmed, returned or cancelled",
    ),
    (
        "payout_unknown",
        "that the outcome of a payout is unknown is said by somebody on a day, with a note",
    ),
    ("payout_vat", "the VAT of a payout's fee is no less than zero"),
    ("period_through", "a day is the last one of one closed period"),
    (
        "period_trial_balance",
        "the digest of a trial balance is 64 hexadecimal digits",
    ),
    ("record_type_name", "a name belongs to one record type"),
    (
        "reserve_tranche_applied",
        "no less than nothing of a reserve is applied",
    ),
    (
        "reserve_tranche_identity",
        "there is one tranche a day of sale and day of release",
    ),
    (
        "reserve_tranche_once",
        "no more of a reserve is released and applied than was withheld",
    ),
    (
        "reserve_tranche_released",
        "no less than nothing of a reserve is released",
    ),
    ("reserve_tranche_withheld", "no less than nothing is withheld"),
    (
        "settings_version_effective_from",
        "one version of the settings begins on a day",
    ),
    (
        "settlement_balance_identity",
        "a settlement file states a balance of a period once",
    ),
    (
        "settlement_balance_period",
        "the period of a balance begins before it ends",
    ),
    (
        "settlement_batch_adds_up",
        "the gross of a batch less costs, with the rest, is its net",
    ),
    ("settlement_batch_identity", "a batch is there once a file and currency"),
    (
        "settlement_file_reason",
        "a settlement file has a reason exactly when it is quarantined",
    ),
    ("settlement_file_state", "a settlement file is booked or quarantined"),
    (
        "settlement_line_contrary",
        "a line whose money goes the other way than its type says is unsupported",
    ),
    ("settlement_line_gross", "the gross amount of a line has a currency"),
    ("settlement_line_identity", "a place belongs to one line of a file"),
    (
        "settlement_match_by_hand",
        "what people match is of a proposal, in a round of its own",
    ),
    ("settlement_match_identity", "a line and an entry are matched once"),
    (
        "settlement_match_passed_on",
        "costs that are passed on come with their VAT",
    ),
    (
        "settlement_match_round",
        "rounds of matches by hand are numbered from 1",
    ),
    ("settlement_match_timing", "a match is in time, late, or of another day"),
    ("settlement_reject_identity", "a place belongs to one reject of a file"),
    ("settlement_reserve_identity", "a settlement file names a tranche once"),
    (
        "settlement_reserve_withheld",
        "a settlement file withholds more than nothing",
    ),
    (
        "settlement_return_amount",
        "a payout that came back is of more than nothing",
    ),
    (
        "settlement_return_identity",
        "a line of a settlement file brings one payout that came back",
    ),
    ("source_digest", "content is taken in once as one kind of source"),
    (
        "source_kind",
        "a source is a file of events, a settlement file, a payout run or another run",
    ),
    ("source_run", "runs of a content are numbered from 1"),
    (
        "tolerated_identity",
        "what is tolerated in a file is added up once by currency",
    ),
    ("tolerated_used", "what is tolerated in a file is more than nothing"),
    (
        "transfer_accounts",
        "a transfer moves money between two different accounts",
    ),
    ("transfer_amount", "a transfer moves more than zero"),
    ("transfer_identity", "a number belongs to one transfer of an entry"),
    ("transfer_ordinal", "transfers are numbered from 1"),
    (
        "velocity_activity_amount",
        "an authorization that rules count is of no less than nothing",
    ),
    (
        "velocity_activity_identity",
        "velocity rules count an authorization once",
    ),
    (
        "velocity_decision_action",
        "a velocity decision is to flag, to hold or to refuse",
    ),
    (
        "velocity_decision_fingerprint",
        "the fingerprint of a velocity decision is 32 bytes long",
    ),
    (
        "velocity_decision_limit",
        "a velocity decision names the limit that is passed",
    ),
    ("velocity_decision_once", "a velocity rule decides on an event once"),
    (
        "velocity_decision_refused",
        "an event that a velocity rule refuses has no entry",
    ),
    ("worker_task_ended", "a run of a task that has ended has an outcome"),
    ("worker_task_failed", "a run of a task that failed says what was wrong"),
    (
        "worker_task_failures",
        "runs in a row have failed while the last one did",
    ),
    ("worker_task_granted", "a task that was granted names its holder"),
    ("worker_task_identity", "a task has one row"),
    (
        "worker_task_name",
        "the name of a task is up to 30 lower case letters and underscores",
    ),
    ("worker_task_outcome", "a run of a task is done, or failed"),
    ("worker_task_token", "tokens of a task count from 0"),
];

/// The rule behind a constraint, where it is one of the schema's.
pub fn rule(constraint: &str) -> Option<&'static str> {
    RULES
        .iter()
        .find_map(|(name, rule)| (*name == constraint).then_some(*rule))
}
