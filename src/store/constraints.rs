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
    ("acquirer_name", "a name belongs to one acquirer"),
    ("balance_credits", "the credits of a balance are not below zero"),
    ("balance_debits", "the debits of a balance are not below zero"),
    ("balance_identity", "a book has one balance an account"),
    ("balance_keeps_side", "a balance keeps the debit or the credit side"),
    ("balance_within_side", "the balance of this account may not cross zero"),
    ("book_hash", "the hash of a book is 32 bytes long"),
    ("book_merchant", "a merchant has one book"),
    ("book_number", "the number of a book's last entry is not below zero"),
    ("break_actual", "what a file says of a break has a currency"),
    ("break_expected", "what the ledger says of a break has a currency"),
    ("break_once_per_file", "a break of a file is named once"),
    ("break_once_per_line", "a break of a line is named once"),
    (
        "break_once_per_missing_item",
        "an item that is missing has one open break",
    ),
    (
        "break_resolution",
        "a break has a resolution exactly when it is resolved",
    ),
    ("break_state", "a break is open or resolved"),
    ("entry_fingerprint", "the fingerprint of an entry is 32 bytes long"),
    ("entry_hash", "the hash of an entry is 32 bytes long"),
    ("entry_identity", "a number belongs to one entry of a book"),
    ("entry_kind_name", "a name belongs to one kind of entry"),
    ("entry_number", "entries are numbered from 1"),
    ("entry_reference", "a reference belongs to one entry of a book"),
    ("entry_reversed_once", "an entry is reversed once"),
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
    ("open_item_identity", "an entry has one open item"),
    ("payment_amounts", "no amount of a payment is below zero"),
    (
        "payment_captured_within_authorized",
        "what is captured and voided is not more than was authorized",
    ),
    ("payment_identity", "a name belongs to one payment of a book"),
    (
        "payment_refunded_within_captured",
        "what is refunded is not more than was captured",
    ),
    ("payout_amount", "a payout is of more than zero"),
    (
        "payout_approved",
        "a payout is approved by somebody before it is instructed",
    ),
    (
        "payout_confirmed",
        "a payout has a confirming entry exactly when it is confirmed",
    ),
    (
        "payout_end_to_end_id",
        "an end-to-end id belongs to one payout of a book",
    ),
    ("payout_file_once", "the bank files of a cut-off are numbered once each"),
    (
        "payout_filed",
        "a payout is in a bank file exactly when it is instructed",
    ),
    (
        "payout_instructed",
        "a payout has an instructing entry exactly when it is instructed",
    ),
    ("payout_once", "there is one payout a merchant, currency and cut-off"),
    (
        "payout_state",
        "a payout is planned, approved, instructed, confirmed or cancelled",
    ),
    ("payout_two_people", "who plans a payout does not approve it"),
    ("record_type_name", "a name belongs to one record type"),
    (
        "settings_version_effective_from",
        "one version of the settings begins on a day",
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
    ("settlement_line_gross", "the gross amount of a line has a currency"),
    ("settlement_line_identity", "a place belongs to one line of a file"),
    ("settlement_match_line", "a line is matched once"),
    ("settlement_reject_identity", "a place belongs to one reject of a file"),
    ("source_digest", "content is taken in once as one kind of source"),
    (
        "source_kind",
        "a source is a file of events, a settlement file or a payout run",
    ),
    (
        "transfer_accounts",
        "a transfer moves money between two different accounts",
    ),
    ("transfer_amount", "a transfer moves more than zero"),
    ("transfer_identity", "a number belongs to one transfer of an entry"),
    ("transfer_ordinal", "transfers are numbered from 1"),
];

/// The rule behind a constraint, where it is one of the schema's.
pub fn rule(constraint: &str) -> Option<&'static str> {
    RULES
        .iter()
        .find_map(|(name, rule)| (*name == constraint).then_some(*rule))
}
