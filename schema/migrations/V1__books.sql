-- Books, entries, transfers, balances; payments and open items; settlement files, lines, matches, breaks; settings.
--
-- Text that is compared or ordered is COLLATE "C": opaque ids, equal only when their bytes are, and cheap to index.
-- Every unique constraint on a large table leads with book_id, so that the tables can be distributed by book.

-- Reference tables ---------------------------------------------------------------------------------------------------

create table account_code (
    number          smallint primary key,
    name            text collate "C" not null constraint account_code_name unique,
    side            text collate "C" not null constraint account_code_side check (side in ('debit', 'credit')),
    dimension       text collate "C" not null constraint account_code_dimension check (dimension in ('none', 'acquirer', 'bank')),
    may_cross_zero  boolean not null,
    memo            boolean not null
);
comment on table account_code is 'The chart of accounts.';

insert into account_code (number, name, side, dimension, may_cross_zero, memo) values
    (1010, 'bank:settlement',      'debit',  'bank',     true,  false),
    (1100, 'acquirer:receivable',  'debit',  'acquirer', true,  false),
    (1110, 'acquirer:in-transit',  'debit',  'acquirer', true,  false),
    (1120, 'acquirer:reserve-held', 'debit', 'acquirer', true,  false),
    (1130, 'carrier:receivable',   'debit',  'acquirer', true,  false),
    (1200, 'merchant:receivable',  'debit',  'none',     false, false),
    (1400, 'vat:input',            'debit',  'none',     true,  false),
    (1900, 'suspense:debit',       'debit',  'acquirer', false, false),
    (2010, 'merchant:pending',     'credit', 'none',     true,  false),
    (2020, 'merchant:available',   'credit', 'none',     true,  false),
    (2030, 'merchant:reserve',     'credit', 'none',     false, false),
    (2040, 'merchant:hold',        'credit', 'none',     false, false),
    (2100, 'payout:in-transit',    'credit', 'none',     false, false),
    (2110, 'payout:returned',      'credit', 'none',     false, false),
    (2200, 'refund:payable-by-transfer', 'credit', 'none', false, false),
    (2300, 'vat:output',           'credit', 'none',     false, false),
    (2400, 'acquirer:fees-payable', 'credit', 'acquirer', false, false),
    (2900, 'suspense:credit',      'credit', 'acquirer', false, false),
    (4010, 'fee:percentage',       'credit', 'none',     false, false),
    (4020, 'fee:fixed',            'credit', 'none',     false, false),
    (4030, 'fee:dispute',          'credit', 'none',     false, false),
    (4040, 'fee:minimum-top-up',   'credit', 'none',     false, false),
    (4050, 'fee:other',            'credit', 'none',     false, false),
    (4060, 'fee:costs-passed-on',  'credit', 'none',     true,  false),
    (4070, 'income:reconciliation', 'credit', 'none',    false, false),
    (4090, 'fee:returned',         'debit',  'none',     false, false),
    (5010, 'cost:interchange',     'debit',  'acquirer', true,  false),
    (5020, 'cost:scheme',          'debit',  'acquirer', true,  false),
    (5030, 'cost:acquirer',        'debit',  'acquirer', true,  false),
    (5040, 'cost:dispute',         'debit',  'acquirer', false, false),
    (5060, 'loss:merchant-credit', 'debit',  'none',     false, false),
    (5070, 'loss:reconciliation-write-off', 'debit', 'none', false, false),
    (5080, 'cost:merchant-adjustment', 'debit', 'none',  true,  false),
    (5900, 'rounding-difference',  'debit',  'none',     true,  false),
    (6010, 'fx:position',          'debit',  'none',     true,  false),
    (9010, 'memo:auth-hold',       'debit',  'none',     false, true),
    (9020, 'memo:auth-contra',     'credit', 'none',     false, true);

create table entry_kind (
    id    smallint primary key,
    name  text collate "C" not null constraint entry_kind_name unique
);
comment on table entry_kind is 'What kinds of fact an entry can state.';

insert into entry_kind (id, name) values
    (1, 'authorization'), (2, 'decline'), (3, 'capture'), (4, 'void'), (5, 'refund'), (6, 'chargeback'),
    (7, 'chargeback_reversal'), (8, 'authorization_increment'), (9, 'authorization_reversal'), (10, 'settlement'),
    (11, 'suspense'), (12, 'batch_fee'), (13, 'expiry'), (14, 'unknown'), (15, 'refund_failure'), (16, 'second_chargeback'),
    (17, 'unpaid'), (18, 'unpaid_recovery'), (19, 'refund_paid'), (20, 'payout_instruction'), (21, 'payout_confirmation'),
    (22, 'advance'), (23, 'minimum_top_up'), (24, 'release'), (25, 'hold'), (26, 'hold_release'), (27, 'aggregate'),
    (28, 'capture_void'), (30, 'reversal'), (31, 'resolution'), (32, 'loss'), (33, 'loss_recovery'), (34, 'information_request'),
    (36, 'acquirer_invoice'), (37, 'invoice_payment'), (38, 'payout_return'),
    (39, 'reclassification'), (40, 'adjustment');

create table record_type (
    id    smallint primary key,
    name  text collate "C" not null constraint record_type_name unique
);
comment on table record_type is 'What a settlement line or an open item reports.';

insert into record_type (id, name) values
    (1, 'capture'), (2, 'refund'), (3, 'chargeback'), (4, 'chargeback_reversal'), (5, 'batch_fee'), (6, 'payout'), (7, 'unsupported'),
    (8, 'unpaid'), (9, 'unpaid_recovery'), (10, 'refund_failure'), (11, 'reserve'), (12, 'carried'), (13, 'external'), (14, 'conversion'),
    (15, 'rounding');

create table acquirer (
    id    smallint generated always as identity primary key,
    name  text collate "C" not null constraint acquirer_name unique
);
comment on table acquirer is 'Acquirers, as settings name them. A reconciliation locks its row, so one acquirer has one at a time.';

create table settings_version (
    id              integer generated always as identity primary key,
    effective_from  date not null constraint settings_version_effective_from unique,
    digest          bytea not null,
    content         text not null,
    applied_at      timestamptz not null default now()
);
comment on table settings_version is 'Every settings file that was applied, whole. A booking date is governed by the latest effective_from at or before it.';

create table source (
    id           bigint generated always as identity primary key,
    kind         text collate "C" not null constraint source_kind check (kind in ('events', 'settlement', 'payout', 'run')),
    name         text not null,
    digest       bytea not null,
    run          smallint not null default 1 constraint source_run check (run > 0),
    recorded_at  timestamptz not null default now(),
    constraint source_digest unique (kind, digest, run)
);
comment on table source is 'Where entries came from: a file or run, known by the SHA-256 of its content. A settlement file that was undone and comes again is another run of it.';

-- Books --------------------------------------------------------------------------------------------------------------

create table book (
    id        bigint generated always as identity primary key,
    merchant  text collate "C" constraint book_merchant unique,
    number    bigint not null default 0 constraint book_number check (number >= 0),
    hash      bytea not null default '\x0000000000000000000000000000000000000000000000000000000000000000'
                    constraint book_hash check (length(hash) = 32)
) with (fillfactor = 50);
comment on table book is 'One a merchant, and the house (id 1, no merchant). number and hash are those of its last entry; its row lock is the book''s lock.';

insert into book (merchant) values (null);

create table account (
    id         integer generated always as identity primary key,
    code       smallint not null references account_code,
    currency   text collate "C" not null constraint account_currency check (currency ~ '^[A-Z]{3}$'),
    exponent   smallint not null constraint account_exponent check (exponent between 0 and 4),
    dimension  text collate "C" not null,
    constraint account_identity unique (code, currency, dimension)
);
comment on table account is 'Accounts: a code of the chart in one currency, by acquirer or bank account where the chart says so.';

create table entry (
    book_id             bigint not null,
    number              bigint not null constraint entry_number check (number > 0),
    kind                smallint not null,
    reference           text collate "C" not null,
    fingerprint         bytea not null constraint entry_fingerprint check (length(fingerprint) = 32),
    payment             text collate "C",
    acquirer_reference  text collate "C",
    merchant_reference  text collate "C",
    arn                 text collate "C",
    rrn                 text collate "C",
    auth_code           text collate "C",
    details             text collate "C",
    natural_key         text collate "C",
    reverses            bigint,
    occurred_at         timestamptz not null,
    booking_date        date not null,
    happened_on         date,
    recorded_at         timestamptz not null,
    source_id           bigint not null,
    source_line         integer,
    hash                bytea not null constraint entry_hash check (length(hash) = 32),
    constraint entry_happened_on check (happened_on < booking_date),
    constraint entry_identity primary key (book_id, number),
    constraint entry_reference unique (book_id, reference)
);
comment on table entry is 'Immutable, numbered facts. hash covers the entry, its transfers and the hash before it.';
comment on column entry.happened_on is 'The day that governs it, where that was closed already when it was written; booking_date is then the first open day.';
comment on column entry.details is 'What was stated beside the columns and transfers, as JSON.';
comment on column entry.natural_key is 'What the fact is known by beside its reference (a capture''s sequence, a dispute''s case and cycle, a deduction''s reference at its acquirer, the refund that failed): unique in its book, for ever.';
create unique index entry_natural_key on entry (book_id, natural_key) where natural_key is not null;
create unique index entry_reversed_once on entry (book_id, reverses) where reverses is not null;
create index entry_of_payment on entry (book_id, payment) where kind in (4, 13, 14);
create index entry_of_settlement on entry (source_id) where kind in (10, 11, 12, 30);
create index entry_of_dispute on entry (book_id, number) where kind in (6, 7, 16, 34);
create index entry_booking_date on entry using brin (booking_date);

create table transfer (
    book_id         bigint not null,
    entry_number    bigint not null,
    ordinal         smallint not null constraint transfer_ordinal check (ordinal > 0),
    debit_account   integer not null,
    credit_account  integer not null,
    amount          bigint not null constraint transfer_amount check (amount > 0),
    constraint transfer_identity primary key (book_id, entry_number, ordinal),
    constraint transfer_accounts check (debit_account <> credit_account)
);
comment on table transfer is 'What entries move: one debit, one credit, a positive amount of minor units.';

create table balance (
    book_id     bigint not null,
    account_id  integer not null references account,
    debits      bigint not null constraint balance_debits check (debits >= 0),
    credits     bigint not null constraint balance_credits check (credits >= 0),
    keeps_side  text collate "C" constraint balance_keeps_side check (keeps_side in ('debit', 'credit')),
    constraint balance_identity primary key (book_id, account_id),
    constraint balance_within_side check (
        case keeps_side when 'debit' then debits >= credits when 'credit' then credits >= debits else true end)
) with (fillfactor = 50);
comment on table balance is 'Σ debits and Σ credits of an account in a book. keeps_side: the side the chart forbids it to leave, null where it may.';

-- Payments -----------------------------------------------------------------------------------------------------------

create table payment (
    book_id           bigint not null,
    payment           text collate "C" not null,
    acquirer_id       smallint not null,
    currency          text collate "C" not null,
    requested         bigint,
    authorized        bigint,
    captured          bigint not null,
    over_captured     bigint not null,
    voided            bigint not null,
    expired           bigint not null,
    refunded          bigint not null,
    charged_back      bigint not null,
    fee_returnable    bigint not null,
    vat_returnable    bigint not null,
    fee_returned      bigint not null,
    vat_returned      bigint not null,
    accrued           text collate "C",
    dispute_fee       bigint,
    dispute_vat       bigint,
    unpaid            bigint,
    expires_at        timestamptz,
    captured_at       timestamptz,
    earlier_captures  text collate "C",
    final_captures    bigint not null,
    limit_month       date,
    method            text collate "C",
    scheme            text collate "C",
    card_country      text collate "C",
    payer             text collate "C",
    category          text collate "C",
    rrn               text collate "C",
    auth_code         text collate "C",
    card              text collate "C",
    merchant_reference text collate "C",
    refunds           bigint not null,
    constraint payment_identity primary key (book_id, payment),
    constraint payment_amounts check (captured >= 0 and voided >= 0 and expired >= 0 and refunded >= 0 and charged_back >= 0
        and final_captures >= 0),
    constraint payment_over_captured check (over_captured between 0 and captured),
    constraint payment_captured_within_authorized check (captured - over_captured + voided + expired <= coalesce(authorized, 0)),
    constraint payment_refunded_within_captured check (refunded <= captured),
    constraint payment_refunds check (refunds >= 0 and (refunds = 0) = (refunded = 0)),
    constraint payment_fee_returned check (fee_returned between 0 and fee_returnable),
    constraint payment_vat_returned check (vat_returned between 0 and vat_returnable)
);
comment on table payment is 'Where each payment stands, in minor units. authorized is null while every attempt was declined or its outcome is unknown, requested is what was asked then; charged_back is net of reversals; accrued holds, as JSON, the exact fees that refunds may give back; captured_at is the time of the latest capture, earlier_captures, as JSON, those of the others; rrn, auth_code and card are those of the authorization; merchant_reference is there where it is not the payment''s own name; refunds is how many did not fail.';
create index payment_expires_at on payment (expires_at)
    where expires_at is not null and captured - over_captured + voided + expired < authorized;
create index payment_merchant_reference on payment (book_id, merchant_reference) where merchant_reference is not null;
create index payment_unknown on payment (book_id, payment) where authorized is null and requested is not null;

create table accrual (
    book_id     bigint not null,
    schedule    text collate "C" not null,
    version     date not null,
    component   text collate "C" not null constraint accrual_component check (component in ('percentage', 'fixed')),
    currency    text collate "C" not null,
    period      date not null,
    vat         text collate "C" not null,
    exact       numeric(38, 10) not null,
    posted      bigint not null,
    vat_posted  bigint not null,
    constraint accrual_identity primary key (book_id, schedule, version, component, currency, period, vat),
    constraint accrual_within_one_unit check (abs(posted - exact) < 1)
);
comment on table accrual is 'Sub-unit fees: the exact sum that a schedule version has come to in a period, minor units, and the whole units of it that the ledger has.';

create table aggregate (
    book_id       bigint not null,
    aggregate     text collate "C" not null,
    acquirer_id   smallint not null references acquirer,
    currency      text collate "C" not null,
    items         bigint not null constraint aggregate_items check (items >= 0),
    gross         bigint not null constraint aggregate_gross check (gross >= 0),
    merchant_fee  bigint not null,
    reserve       bigint not null,
    matures       boolean not null,
    passes_costs  boolean not null,
    costs_vat     text collate "C",
    closed        bigint,
    constraint aggregate_identity primary key (book_id, aggregate),
    constraint aggregate_costs_vat check (passes_costs or costs_vat is null)
);
comment on table aggregate is 'Captures that the acquirer takes as one transaction; closed is the entry that handed them in, after which none joins.';

create table open_item (
    book_id             bigint not null,
    number              bigint not null,
    acquirer_id         smallint not null,
    record_type         smallint not null,
    acquirer_reference  text collate "C",
    merchant_reference  text collate "C",
    arn                 text collate "C",
    rrn                 text collate "C",
    auth_code           text collate "C",
    card                text collate "C",
    method              text collate "C",
    scheme              text collate "C",
    card_country        text collate "C",
    gross               bigint not null,
    currency            text collate "C" not null,
    merchant_fee        bigint not null,
    reserve             bigint not null,
    cost                bigint not null,
    matures             boolean not null,
    passes_costs        boolean not null,
    costs_vat           text collate "C",
    occurred_on         date not null,
    expected_on         date not null,
    reserve_until       date,
    advanced            bigint,
    constraint open_item_identity primary key (book_id, number),
    constraint open_item_reserve check ((reserve = 0) = (reserve_until is null)),
    constraint open_item_costs_vat check (passes_costs or costs_vat is null),
    constraint open_item_advanced check (advanced is null or matures)
);
comment on table open_item is 'Captures, refunds and chargebacks that no settlement file has reported; a row goes when it is matched. gross is signed, positive is money to us; cost is what the acquirer takes with it and the ledger has already; method, scheme and card_country are what its contract prices by; passes_costs says that interchange and scheme fee of its line are the merchant''s, and costs_vat at which VAT (null: exempt); matures says that its money becomes available by date or did so in advance, not by the match; advanced is the entry that did it in advance.';
create index open_item_advanced_in on open_item (currency) where advanced is not null;

-- Availability -------------------------------------------------------------------------------------------------------

create table maturing (
    book_id        bigint not null,
    currency       text collate "C" not null,
    source_on      date not null,
    available_on   date not null,
    reserve_until  date,
    payable        bigint not null,
    reserve        bigint not null,
    constraint maturing_identity unique nulls not distinct (book_id, currency, source_on, available_on, reserve_until)
);
comment on table maturing is 'Pending money that becomes available on a day whatever the acquirer has reported, by the day of its sales; a row goes when it is released. payable is net of fees, reserve is the part of it that is withheld then.';
create index maturing_available_on on maturing (available_on);

create table reserve_tranche (
    book_id     bigint not null,
    currency    text collate "C" not null,
    source_on   date not null,
    release_on  date not null,
    withheld    bigint not null constraint reserve_tranche_withheld check (withheld >= 0),
    released    bigint not null default 0 constraint reserve_tranche_released check (released >= 0),
    applied     bigint not null default 0 constraint reserve_tranche_applied check (applied >= 0),
    constraint reserve_tranche_identity primary key (book_id, currency, source_on, release_on),
    constraint reserve_tranche_once check (released + applied <= withheld)
);
comment on table reserve_tranche is 'What is withheld of a day''s sales: withheld less released (to available) less applied (to refunds that nothing else covered) is what account 2030 holds of it.';
create index reserve_tranche_due on reserve_tranche (release_on) where released + applied < withheld;

create table hold (
    id           bigint generated always as identity primary key,
    book_id      bigint not null,
    currency     text collate "C" not null,
    exponent     smallint not null,
    amount       bigint not null constraint hold_amount check (amount > 0),
    reason       text not null,
    owner        text not null,
    placed_on    date not null,
    expires_on   date,
    number       bigint not null,
    released     bigint,
    released_by  text,
    constraint hold_of_entry unique (book_id, number),
    constraint hold_released check ((released is null) = (released_by is null)),
    constraint hold_expires check (expires_on is null or expires_on >= placed_on)
);
create index hold_expires_on on hold (expires_on) where released is null and expires_on is not null;
create index hold_open on hold (book_id) where released is null;
comment on table hold is 'Available money set aside with a reason, until it expires or somebody releases it; number and released are entries of the book.';

create table loss (
    id           bigint generated always as identity primary key,
    book_id      bigint not null,
    currency     text collate "C" not null,
    exponent     smallint not null,
    amount       bigint not null constraint loss_amount check (amount > 0),
    recovers     bigint references loss,
    recovered    bigint not null default 0,
    reason       text collate "C" not null,
    note         text not null,
    planned_on   date not null,
    planned_by   text not null,
    state        text collate "C" not null default 'planned'
                 constraint loss_state check (state in ('planned', 'booked', 'cancelled')),
    approved_by  text,
    number       bigint,
    constraint loss_reason check (
        case when recovers is null then reason in ('insolvent', 'untraceable', 'uneconomic', 'settled') else reason = 'recovered' end),
    constraint loss_two_people check (approved_by is null or approved_by <> planned_by),
    constraint loss_approved check ((approved_by is not null) = (state = 'booked')),
    constraint loss_booked check ((number is not null) = (state = 'booked')),
    constraint loss_recovered check (
        recovered >= 0 and recovered <= amount and (recovered = 0 or (state = 'booked' and recovers is null))
    )
);
create unique index loss_waiting on loss (book_id, currency) where state = 'planned';
create unique index loss_of_entry on loss (book_id, number) where number is not null;
comment on table loss is 'What a merchant owes and nobody expects to get back, given up by two people; and, where recovers names one of these, what came back of it. recovered is the sum of that; number is an entry of the book.';

create table adjustment (
    id           bigint generated always as identity primary key,
    book_id      bigint not null,
    reference    text collate "C" not null,
    currency     text collate "C" not null,
    exponent     smallint not null,
    amount       bigint not null constraint adjustment_amount check (amount <> 0),
    reason       text collate "C" not null,
    evidence     text not null,
    note         text not null,
    proposed_on  date not null,
    proposed_by  text not null,
    content      bytea not null constraint adjustment_content check (length(content) = 32),
    state        text collate "C" not null default 'proposed'
                 constraint adjustment_state check (state in ('proposed', 'booked', 'rejected')),
    decided_on   date,
    decided_by   text,
    decided      bytea,
    rejection    text,
    number       bigint,
    constraint adjustment_reference unique (book_id, reference),
    constraint adjustment_reason check (
        case when reason in ('goodwill', 'compensation') then amount > 0
             when reason = 'penalty' then amount < 0
             else reason in ('fee_correction', 'agreement', 'mistake') end),
    constraint adjustment_decided check (
        num_nonnulls(decided_on, decided_by, decided) = case when state = 'proposed' then 0 else 3 end and decided_on >= proposed_on),
    constraint adjustment_two_people check (state <> 'booked' or decided_by <> proposed_by),
    constraint adjustment_as_proposed check (decided = content),
    constraint adjustment_rejected check ((rejection is not null) = (state = 'rejected')),
    constraint adjustment_booked check ((number is not null) = (state = 'booked'))
);
create index adjustment_proposed on adjustment (book_id) where state = 'proposed';
create unique index adjustment_of_entry on adjustment (book_id, number) where number is not null;
comment on table adjustment is 'What two people credit to a merchant''s available balance, or, below zero, charge it. content is the digest of what was proposed (schema/audits works it out again), decided that of what somebody else approved, or anybody rejected; number is the entry of the book.';

create table monthly_limit (
    acquirer_id  smallint not null references acquirer,
    payer        text collate "C" not null,
    month        date not null constraint monthly_limit_month check (extract(day from month) = 1),
    currency     text collate "C" not null,
    held         bigint not null constraint monthly_limit_held check (held >= 0),
    kept         bigint not null constraint monthly_limit_kept check (kept >= 0),
    constraint monthly_limit_identity primary key (acquirer_id, payer, month, currency)
);
comment on table monthly_limit is 'What a payer has used of a carrier''s monthly limit: held by open authorizations, kept by captures.';

-- Reconciliation -----------------------------------------------------------------------------------------------------

create table settlement_file (
    source_id     bigint primary key references source,
    acquirer_id   smallint not null references acquirer,
    state         text collate "C" not null constraint settlement_file_state check (state in ('booked', 'quarantined')),
    reason        text,
    format        text collate "C",
    lines         bigint not null,
    rejects       bigint not null,
    as_of         date,
    constraint settlement_file_reason check ((state = 'quarantined') = (reason is not null))
);
comment on table settlement_file is 'Settlement files taken in: booked whole, or quarantined whole and nothing posted. This is how each was taken in; how it stands is in settlement_file_state.';

create table settlement_line (
    source_id           bigint not null,
    ordinal             integer not null,
    line                integer not null,
    record_type         smallint not null,
    type_text           text not null,
    batch               text collate "C" not null,
    acquirer_reference  text collate "C",
    original_reference  text collate "C",
    merchant_reference  text collate "C",
    arn                 text collate "C",
    rrn                 text collate "C",
    auth_code           text collate "C",
    card                text collate "C",
    dispute             text collate "C",
    reason              text collate "C",
    occurred_on         date not null,
    paid_out_on         date,
    gross               bigint,
    gross_currency      text collate "C",
    net                 bigint not null,
    net_currency        text collate "C" not null,
    commission          bigint not null,
    markup              bigint not null,
    scheme_fee          bigint not null,
    interchange         bigint not null,
    tax                 bigint not null,
    reserve             bigint not null,
    exchange_rate       numeric,
    contrary            smallint constraint settlement_line_contrary check (contrary is null or record_type = 7),
    raw                 text not null,
    constraint settlement_line_identity primary key (source_id, ordinal),
    constraint settlement_line_gross check ((gross is null) = (gross_currency is null))
);
comment on table settlement_line is 'The rows of settlement files in our terms, and as they came (card numbers masked). Amounts are signed minor units, positive is money to us; of costs, their tax and what the acquirer withholds as reserve, positive is money from us. card is the last four digits, or a token; contrary is the record that the type stands for, where the money goes the other way; paid_out_on the day on which the money moves.';
create index settlement_line_reference on settlement_line (acquirer_reference) where acquirer_reference is not null;
create index settlement_line_arn on settlement_line (arn) where arn is not null and acquirer_reference is null;

create table settlement_batch (
    source_id  bigint not null,
    batch      text collate "C" not null,
    currency   text collate "C" not null,
    lines      bigint not null,
    gross      bigint not null,
    costs      bigint not null,
    other      bigint not null,
    net        bigint not null,
    payout     bigint not null,
    captures   bigint not null,
    captured   bigint not null,
    withheld   bigint not null,
    constraint settlement_batch_identity primary key (source_id, batch, currency),
    constraint settlement_batch_adds_up check (gross - costs + other = net)
);
comment on table settlement_batch is 'The batches of settlement files: Σ of their lines in the net currency, and what the acquirer says it pays. costs hold their tax; other is what belongs to no payment, and what the acquirer withholds as reserve or releases. captures, captured: how many captures, and Σ of them before anything is taken of it; withheld: Σ of what rows withhold as reserve.';

create table settlement_reject (
    source_id  bigint not null,
    line       bigint not null,
    place      integer not null,
    column_name text,
    reason     text not null,
    constraint settlement_reject_identity primary key (source_id, place)
);
comment on table settlement_reject is 'Rows of quarantined files that could not be read: where and why (the first 10,000 of a file).';

create table settlement_match (
    book_id     bigint not null,
    number      bigint not null,
    source_id   bigint not null,
    ordinal     integer not null,
    round       smallint not null default 0 constraint settlement_match_round check (round >= 0),
    pass        smallint not null,
    rules       smallint not null,
    item_gross  bigint not null,
    line_gross  bigint not null,
    passed_on      bigint,
    passed_on_vat  bigint,
    merchant_fee   bigint not null,
    reserve        bigint not null,
    cost           bigint not null,
    matures        boolean not null,
    passes_costs   boolean not null,
    costs_vat      text collate "C",
    expected_on    date not null,
    reserve_until  date,
    advanced       bigint,
    constraint settlement_match_identity primary key (source_id, ordinal, book_id, number, round),
    constraint settlement_match_passed_on check ((passed_on is null) = (passed_on_vat is null))
);
comment on table settlement_match is 'Which line proved which entry, by which pass of which version of the rules, and the gross amount of both sides: of a line that proves several entries, and of an entry that several lines prove, the part. passed_on is what of the line''s costs the merchant pays, without its VAT; null where it pays none. The other columns are those of the open item as it was, so that a match that is undone gives it back. Once a line is matched, it is matched whole, and so is an entry, since its open item goes with the match (schema/audits proves it). What people match is of a proposal (which they may undo), and counts rounds from 1; standing_match leaves out what is undone.';

create table break (
    id               bigint generated always as identity primary key,
    class            text collate "C" not null,
    acquirer_id      smallint not null references acquirer,
    state            text collate "C" not null default 'open'
                     constraint break_state check (state in ('open', 'investigating', 'resolved')),
    resolution       text collate "C"
                     constraint break_resolution_name check (resolution in ('match', 'adjustment', 'write_off', 'recovery', 'timing', 'undone', 'released', 'rejected')),
    source_id        bigint,
    ordinal          integer,
    book_id          bigint,
    number           bigint,
    expected         bigint,
    expected_in      text collate "C",
    actual           bigint,
    actual_in        text collate "C",
    suspense_number  bigint,
    kept_pending     bigint constraint break_kept_pending check (kept_pending > 0),
    found_in         bigint not null references source,
    expected_on      date,
    detail           text not null,
    owner            text,
    proposal_id      bigint,
    quiet_until      date,
    constraint break_expected check ((expected is null) = (expected_in is null)),
    constraint break_actual check ((actual is null) = (actual_in is null)),
    constraint break_resolution check ((state = 'resolved') = (resolution is not null)),
    constraint break_proposal check (proposal_id is null or state = 'resolved'),
    constraint break_decided check (state <> 'resolved' or resolution in ('match', 'timing', 'undone', 'released', 'rejected') or proposal_id is not null)
);
comment on table break is 'Sources that should agree and do not. suspense_number is the entry of the house book that holds its money; kept_pending is what of a merchant''s pending money does not become available while it is open; found_in is the file that showed it; owner is who works on it, proposal_id what resolved it, and until quiet_until its item is not missing again.';
create unique index break_once_per_line on break (source_id, ordinal, class) where ordinal is not null and resolution is distinct from 'undone';
create unique index break_once_per_missing_item on break (book_id, number) where class = 'MISSING_IN_FILE' and state <> 'resolved';
create unique index break_once_per_file on break (source_id, class, detail) where ordinal is null and book_id is null;
create index break_of_entry on break (book_id, number) where book_id is not null;

-- Append-only, twice: by trigger for everyone, by rights for the run-time role ---------------------------------------------

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception using
        errcode = 'restrict_violation',
        message = format('%s is append-only: %s is refused; correct a mistake with a reversal', tg_table_name, lower(tg_op));
end
$$;

do $$
declare
    name text;
begin
    foreach name in array array['entry', 'transfer', 'settlement_file', 'settlement_line', 'settlement_batch', 'settlement_reject', 'settlement_match',
                               'settings_version', 'source', 'account'] loop
        execute format('create trigger %I before update or delete or truncate on %I for each statement execute function refuse_change()',
                       name || '_append_only', name);
        execute format('alter table %I enable always trigger %I', name, name || '_append_only');
    end loop;
end
$$;

do $$
begin
    create role acquit_runtime nologin;
exception when duplicate_object or unique_violation then
    null;
end
$$;

do $$
begin
    create role acquit_auditor nologin;
exception when duplicate_object or unique_violation then
    null;
end
$$;

do $$
begin
    if not pg_has_role(current_user, 'acquit_runtime', 'member') then
        execute format('grant acquit_runtime to %I', current_user);
    end if;
end
$$;

grant select on all tables in schema public to acquit_runtime, acquit_auditor;
grant insert on entry, transfer, balance, payment, accrual, aggregate, open_item, maturing, monthly_limit, settlement_file, settlement_line, settlement_batch, settlement_reject,
    settlement_match to acquit_runtime;
-- By column where the database decides the rest: ids, times, and the state in which a thing begins.
grant insert (name) on acquirer to acquit_runtime;
grant insert (effective_from, digest, content) on settings_version to acquit_runtime;
grant insert (kind, name, digest, run) on source to acquit_runtime;
grant insert (merchant) on book to acquit_runtime;
grant insert (code, currency, exponent, dimension) on account to acquit_runtime;
grant insert (class, acquirer_id, source_id, ordinal, book_id, number, expected, expected_in, actual, actual_in, suspense_number,
    kept_pending, found_in, expected_on, detail) on break to acquit_runtime;
grant insert (book_id, currency, source_on, release_on, withheld) on reserve_tranche to acquit_runtime;
grant insert (book_id, currency, exponent, amount, reason, owner, placed_on, expires_on, number) on hold to acquit_runtime;
grant insert (book_id, currency, exponent, amount, recovers, reason, note, planned_on, planned_by) on loss to acquit_runtime;
grant insert (book_id, reference, currency, exponent, amount, reason, evidence, note, proposed_on, proposed_by, content) on adjustment
    to acquit_runtime;
grant update (number, hash) on book to acquit_runtime;
grant update (debits, credits) on balance to acquit_runtime;
grant update (acquirer_id, currency, requested, authorized, captured, over_captured, voided, expired, refunded, charged_back,
    fee_returnable, vat_returnable, fee_returned, vat_returned, accrued, dispute_fee, dispute_vat,
    unpaid, expires_at, captured_at, earlier_captures, final_captures, limit_month, method, scheme, card_country, payer, category,
    rrn, auth_code, card, merchant_reference, refunds) on payment to acquit_runtime;
grant update (exact, posted, vat_posted) on accrual to acquit_runtime;
grant update (items, gross, merchant_fee, reserve, passes_costs, costs_vat, closed) on aggregate to acquit_runtime;
grant update (merchant_fee, reserve, reserve_until, matures, advanced) on open_item to acquit_runtime;
grant update (payable, reserve) on maturing to acquit_runtime;
grant update (withheld, released, applied) on reserve_tranche to acquit_runtime;
grant update (released, released_by) on hold to acquit_runtime;
grant update (state, approved_by, number, recovered) on loss to acquit_runtime;
grant update (state, decided_on, decided_by, decided, rejection, number) on adjustment to acquit_runtime;
grant update (held, kept) on monthly_limit to acquit_runtime;
grant update (name) on acquirer to acquit_runtime;
grant delete on open_item, maturing to acquit_runtime;
grant update (state, resolution, owner, proposal_id, quiet_until) on break to acquit_runtime;
