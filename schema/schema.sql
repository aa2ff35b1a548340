-- The whole schema, to be read: the sum of schema/migrations, held equal by a test. Written by
-- `UPDATE_SCHEMA=1 cargo test --test it schema`; change a migration, not this file.

CREATE TABLE public.break_entry (
    book_id bigint NOT NULL,
    number bigint NOT NULL,
    break_id bigint NOT NULL,
    proposal_id bigint NOT NULL
);

COMMENT ON TABLE public.break_entry IS 'Which entries a resolution booked. What reverses one names it.';

CREATE TABLE public.entry (
    book_id bigint NOT NULL,
    number bigint NOT NULL,
    kind smallint NOT NULL,
    reference text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    payment text COLLATE pg_catalog."C",
    acquirer_reference text COLLATE pg_catalog."C",
    merchant_reference text COLLATE pg_catalog."C",
    arn text COLLATE pg_catalog."C",
    rrn text COLLATE pg_catalog."C",
    auth_code text COLLATE pg_catalog."C",
    details text COLLATE pg_catalog."C",
    natural_key text COLLATE pg_catalog."C",
    reverses bigint,
    occurred_at timestamp with time zone NOT NULL,
    booking_date date NOT NULL,
    happened_on date,
    recorded_at timestamp with time zone NOT NULL,
    source_id bigint NOT NULL,
    source_line integer,
    hash bytea NOT NULL,
    CONSTRAINT entry_fingerprint CHECK ((length(fingerprint) = 32)),
    CONSTRAINT entry_happened_on CHECK ((happened_on < booking_date)),
    CONSTRAINT entry_hash CHECK ((length(hash) = 32)),
    CONSTRAINT entry_number CHECK ((number > 0))
);

COMMENT ON TABLE public.entry IS 'Immutable, numbered facts. hash covers the entry, its transfers and the hash before it.';

COMMENT ON COLUMN public.entry.details IS 'What was stated beside the columns and transfers, as JSON.';

COMMENT ON COLUMN public.entry.natural_key IS 'What the fact is known by beside its reference (a capture''s sequence, a dispute''s case and cycle, a deduction''s reference at its acquirer, the refund that failed): unique in its book, for ever.';

COMMENT ON COLUMN public.entry.happened_on IS 'The day that governs it, where that was closed already when it was written; booking_date is then the first open day.';

CREATE FUNCTION public.decisions_on(on_day date) RETURNS TABLE(proposal_id bigint, stands boolean, holds boolean)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT break_entry.proposal_id,
     bool_or((reversal.number IS NULL)) AS stands,
     ((min(entry.booking_date) <= decisions_on.on_day) AND COALESCE((max(reversal.booking_date) > decisions_on.on_day), true)) AS holds
    FROM ((public.break_entry
      JOIN public.entry ON (((entry.book_id = break_entry.book_id) AND (entry.number = break_entry.number))))
      LEFT JOIN public.entry reversal ON (((reversal.book_id = break_entry.book_id) AND (reversal.reverses = break_entry.number) AND (reversal.kind = 30))))
   GROUP BY break_entry.proposal_id;
END;

COMMENT ON FUNCTION public.decisions_on(on_day date) IS 'What people resolved or matched: whether it stands now, and whether it held at the end of a day; what is reopened is reversed.';

CREATE TABLE public.file_decision (
    source_id bigint NOT NULL,
    decision text NOT NULL COLLATE pg_catalog."C",
    decided_by text NOT NULL,
    reason text,
    presented_by text,
    presented text GENERATED ALWAYS AS (
CASE
    WHEN (presented_by IS NOT NULL) THEN 'presented'::text
    ELSE NULL::text
END) STORED COLLATE pg_catalog."C",
    superseded_by bigint,
    run_id bigint,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT file_decision_name CHECK ((decision = ANY (ARRAY['presented'::text, 'rejected'::text, 'released'::text, 'undone'::text]))),
    CONSTRAINT file_decision_reason CHECK (((reason IS NOT NULL) OR (decision = ANY (ARRAY['presented'::text, 'undone'::text])))),
    CONSTRAINT file_decision_run CHECK (((decision = 'undone'::text) = (run_id IS NOT NULL))),
    CONSTRAINT file_decision_superseded CHECK (((superseded_by IS NULL) OR ((decision = 'undone'::text) AND (superseded_by <> source_id)))),
    CONSTRAINT file_decision_two_people CHECK ((((decision = 'released'::text) = (presented_by IS NOT NULL)) AND COALESCE((presented_by <> decided_by), true)))
);

COMMENT ON TABLE public.file_decision IS 'What people decided about settlement files, each once: presented (ran its reconciliation, or asked first for its release), rejected, released (booked though it was quarantined, by somebody other than presented_by), undone. run_id is the source of the entries that reverse it, superseded_by the file that took its place.';

CREATE TABLE public.settlement_file (
    source_id bigint NOT NULL,
    acquirer_id smallint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    reason text,
    format text COLLATE pg_catalog."C",
    lines bigint NOT NULL,
    rejects bigint NOT NULL,
    as_of date,
    CONSTRAINT settlement_file_reason CHECK (((state = 'quarantined'::text) = (reason IS NOT NULL))),
    CONSTRAINT settlement_file_state CHECK ((state = ANY (ARRAY['booked'::text, 'quarantined'::text])))
);

COMMENT ON TABLE public.settlement_file IS 'Settlement files taken in: booked whole, or quarantined whole and nothing posted. This is how each was taken in; how it stands is in settlement_file_state.';

CREATE FUNCTION public.files_on(on_day date) RETURNS TABLE(source_id bigint, acquirer_id smallint, came boolean, is_undone boolean, gone boolean)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT file.source_id,
     file.acquirer_id,
     (COALESCE(booked.booking_date, file.as_of) <= files_on.on_day) AS came,
     (undone.source_id IS NOT NULL) AS is_undone,
     ((undone.source_id IS NOT NULL) AND (COALESCE(reversal.booking_date, booked.booking_date, file.as_of) <= files_on.on_day)) AS gone
    FROM ((((public.settlement_file file
      LEFT JOIN public.file_decision released ON (((released.source_id = file.source_id) AND (released.decision = 'released'::text))))
      LEFT JOIN public.file_decision undone ON (((undone.source_id = file.source_id) AND (undone.decision = 'undone'::text))))
      LEFT JOIN LATERAL ( SELECT entry.booking_date
            FROM public.entry
           WHERE ((entry.source_id = file.source_id) AND (entry.kind = ANY (ARRAY[10, 11, 12])))
          LIMIT 1) booked ON (true))
      LEFT JOIN LATERAL ( SELECT entry.booking_date
            FROM public.entry
           WHERE ((entry.source_id = undone.run_id) AND (entry.kind = 30))
          LIMIT 1) reversal ON (true))
   WHERE ((file.state = 'booked'::text) OR (released.source_id IS NOT NULL));
END;

COMMENT ON FUNCTION public.files_on(on_day date) IS 'Settlement files that were ever booked: whether each had come by the end of a day, whether it is undone, and whether it was by then.';

CREATE FUNCTION public.keep_until_expiry() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op = 'DELETE' and old.expires_at <= now() then
        return old;
    end if;
    raise exception using
        errcode = 'restrict_violation',
        message = format('%s is kept as it is until it expires: %s is refused', tg_table_name, lower(tg_op));
end
$$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception using
        errcode = 'restrict_violation',
        message = format('%s is append-only: %s is refused; correct a mistake with a reversal', tg_table_name, lower(tg_op));
end
$$;

CREATE TABLE public.bank_match (
    source_id bigint NOT NULL,
    ordinal integer NOT NULL,
    part integer NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    acquirer_id smallint,
    batch text COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    settled bigint,
    book_id bigint NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT bank_match_amount CHECK ((amount <> 0)),
    CONSTRAINT bank_match_kind CHECK ((kind = ANY (ARRAY['receipt'::text, 'payout'::text, 'return'::text, 'recorded'::text, 'charge'::text, 'interest'::text, 'sweep'::text, 'suspense'::text]))),
    CONSTRAINT bank_match_part CHECK ((part > 0)),
    CONSTRAINT bank_match_receipt CHECK ((num_nonnulls(acquirer_id, batch, settled) =
CASE kind
    WHEN 'receipt'::text THEN 3
    ELSE 0
END))
);

COMMENT ON TABLE public.bank_match IS 'What each entry of a bank statement came to, part by part: the entry of the books that has it on the account of the statement, and, of a receipt, the batch that it pays and what of that is awaited no more (settled: the amount, and what is short of it). Signed minor units.';

CREATE TABLE public.break_batch (
    proposal_id bigint NOT NULL,
    acquirer_id smallint NOT NULL,
    batch text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    settled bigint NOT NULL,
    CONSTRAINT break_batch_amount CHECK ((amount <> 0))
);

COMMENT ON TABLE public.break_batch IS 'Which batches a proposal gives the receipt of its break to: how much of it, and what of the batch is awaited no more (settled: the amount, and what is short of it). Signed minor units.';

CREATE TABLE public.settlement_batch (
    source_id bigint NOT NULL,
    batch text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    lines bigint NOT NULL,
    gross bigint NOT NULL,
    costs bigint NOT NULL,
    other bigint NOT NULL,
    net bigint NOT NULL,
    payout bigint NOT NULL,
    captures bigint NOT NULL,
    captured bigint NOT NULL,
    withheld bigint NOT NULL,
    paid_on date,
    paid_as text[] DEFAULT '{}'::text[] NOT NULL,
    of_balance boolean DEFAULT false NOT NULL,
    CONSTRAINT settlement_batch_adds_up CHECK ((((gross - costs) + other) = net))
);

COMMENT ON TABLE public.settlement_batch IS 'The batches of settlement files: Σ of their lines in the net currency, and what the acquirer says it pays. costs hold their tax; other is what belongs to no payment, and what the acquirer withholds as reserve or releases. captures, captured: how many captures, and Σ of them before anything is taken of it; withheld: Σ of what rows withhold as reserve.';

COMMENT ON COLUMN public.settlement_batch.paid_on IS 'The latest day on which a line says that its money moves, where any does.';

COMMENT ON COLUMN public.settlement_batch.paid_as IS 'The words that name its payment, one text a payout row.';

COMMENT ON COLUMN public.settlement_batch.of_balance IS 'Whether its lines move a balance that the acquirer keeps, or its payout takes of one, as the file says: then the payout alone is promised, not what the lines come to. So it is as well of a payout of which no booked file has a line.';

CREATE TABLE public.settlement_line (
    source_id bigint NOT NULL,
    ordinal integer NOT NULL,
    line integer NOT NULL,
    record_type smallint NOT NULL,
    type_text text NOT NULL,
    batch text NOT NULL COLLATE pg_catalog."C",
    acquirer_reference text COLLATE pg_catalog."C",
    original_reference text COLLATE pg_catalog."C",
    merchant_reference text COLLATE pg_catalog."C",
    arn text COLLATE pg_catalog."C",
    rrn text COLLATE pg_catalog."C",
    auth_code text COLLATE pg_catalog."C",
    card text COLLATE pg_catalog."C",
    dispute text COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    occurred_on date NOT NULL,
    paid_out_on date,
    gross bigint,
    gross_currency text COLLATE pg_catalog."C",
    net bigint NOT NULL,
    net_currency text NOT NULL COLLATE pg_catalog."C",
    commission bigint NOT NULL,
    markup bigint NOT NULL,
    scheme_fee bigint NOT NULL,
    interchange bigint NOT NULL,
    tax bigint NOT NULL,
    reserve bigint NOT NULL,
    exchange_rate numeric,
    contrary smallint,
    raw text NOT NULL,
    CONSTRAINT settlement_line_contrary CHECK (((contrary IS NULL) OR (record_type = 7))),
    CONSTRAINT settlement_line_gross CHECK (((gross IS NULL) = (gross_currency IS NULL)))
);

COMMENT ON TABLE public.settlement_line IS 'The rows of settlement files in our terms, and as they came (card numbers masked). Amounts are signed minor units, positive is money to us; of costs, their tax and what the acquirer withholds as reserve, positive is money from us. card is the last four digits, or a token; contrary is the record that the type stands for, where the money goes the other way; paid_out_on the day on which the money moves.';

CREATE TABLE public.settlement_return (
    source_id bigint NOT NULL,
    ordinal integer NOT NULL,
    acquirer_id smallint NOT NULL,
    batch text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    CONSTRAINT settlement_return_amount CHECK ((amount > 0))
);

COMMENT ON TABLE public.settlement_return IS 'Lines of settlement files that bring what an earlier batch had paid and the bank sent back, and that batch: it is paid with the batch of the line, while the file is booked.';

CREATE FUNCTION public.unpaid_on(on_day date) RETURNS TABLE(acquirer_id smallint, batch text, currency text, net bigint, settled bigint, files bigint)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 WITH RECURSIVE promised AS (
          SELECT told.acquirer_id,
             told.batch,
             told.currency,
             (sum(told.net))::bigint AS net,
             (
                 CASE
                     WHEN (sum(told.lines) = (0)::numeric) THEN sum(told.payout)
                     ELSE sum(told.payout) FILTER (WHERE told.of_balance)
                 END)::bigint AS payout,
             (sum(told.settled))::bigint AS settled,
             sum(told.files) AS files,
             (bool_or(told.of_balance) OR ((sum(told.lines) = (0)::numeric) AND (sum(told.payout) <> (0)::numeric))) AS of_balance,
             min(told.as_of) AS as_of
            FROM ( SELECT files.acquirer_id,
                     batch.batch,
                     batch.currency,
                     batch.net,
                     batch.lines,
                     batch.payout,
                     (0)::bigint AS settled,
                     1 AS files,
                     batch.of_balance,
                     file.as_of
                    FROM ((public.files_on(unpaid_on.on_day) files(source_id, acquirer_id, came, is_undone, gone)
                      JOIN public.settlement_batch batch ON ((batch.source_id = files.source_id)))
                      JOIN public.settlement_file file ON ((file.source_id = files.source_id)))
                   WHERE (files.came AND (NOT files.gone))
                 UNION ALL
                  SELECT told_1.acquirer_id,
                     told_1.batch,
                     told_1.currency,
                     0 AS net,
                     0 AS lines,
                     0 AS payout,
                     told_1.settled,
                     0 AS files,
                     false AS of_balance,
                     NULL::date AS as_of
                    FROM (public.bank_match told_1
                      JOIN public.entry ON (((entry.book_id = told_1.book_id) AND (entry.number = told_1.number))))
                   WHERE ((told_1.kind = 'receipt'::text) AND (entry.booking_date <= unpaid_on.on_day))
                 UNION ALL
                  SELECT paid.acquirer_id,
                     paid.batch,
                     paid.currency,
                     0 AS net,
                     0 AS lines,
                     0 AS payout,
                     paid.settled,
                     0 AS files,
                     false AS of_balance,
                     NULL::date AS as_of
                    FROM (public.break_batch paid
                      JOIN public.decisions_on(unpaid_on.on_day) decided(proposal_id, stands, holds) ON (((decided.proposal_id = paid.proposal_id) AND decided.holds)))
                 UNION ALL
                  SELECT returned.acquirer_id,
                     returned.batch,
                     returned.currency,
                     0 AS net,
                     0 AS lines,
                     0 AS payout,
                     (0)::bigint AS settled,
                     0 AS files,
                     false AS of_balance,
                     NULL::date AS as_of
                    FROM (public.settlement_return returned
                      JOIN public.files_on(unpaid_on.on_day) files(source_id, acquirer_id, came, is_undone, gone) ON (((files.source_id = returned.source_id) AND files.came AND (NOT files.gone))))) told
           GROUP BY told.acquirer_id, told.batch, told.currency
         ), brought AS (
          SELECT returned.acquirer_id,
             returned.batch,
             returned.currency,
             returned.amount,
             line.batch AS with_batch
            FROM ((public.settlement_return returned
              JOIN public.files_on(unpaid_on.on_day) files(source_id, acquirer_id, came, is_undone, gone) ON (((files.source_id = returned.source_id) AND files.came AND (NOT files.gone))))
              JOIN public.settlement_line line ON (((line.source_id = returned.source_id) AND (line.ordinal = returned.ordinal))))
         ), whole AS (
          SELECT promised.acquirer_id,
             promised.batch,
             promised.currency
            FROM promised
           WHERE (promised.net = promised.settled)
         UNION
          SELECT brought.acquirer_id,
             brought.batch,
             brought.currency
            FROM (brought
              JOIN whole ON (((whole.acquirer_id = brought.acquirer_id) AND (whole.batch = brought.with_batch) AND (whole.currency = brought.currency))))
         ), back AS (
          SELECT brought.acquirer_id,
             brought.batch,
             brought.currency,
             (sum(brought.amount))::bigint AS amount
            FROM (brought
              JOIN whole ON (((whole.acquirer_id = brought.acquirer_id) AND (whole.batch = brought.with_batch) AND (whole.currency = brought.currency))))
           GROUP BY brought.acquirer_id, brought.batch, brought.currency
         ), told AS (
          SELECT promised.acquirer_id,
             promised.batch,
             promised.currency,
             promised.net,
             promised.payout,
             (promised.settled + COALESCE(back.amount, (0)::bigint)) AS settled,
             promised.files,
             promised.of_balance,
             promised.as_of
            FROM (promised
              LEFT JOIN back ON (((back.acquirer_id = promised.acquirer_id) AND (back.batch = promised.batch) AND (back.currency = promised.currency))))
         ), kept AS (
          SELECT told.acquirer_id,
             told.batch,
             told.currency,
             told.net,
             told.payout,
             told.settled,
             told.files,
             told.of_balance,
             told.as_of,
             (sum(told.net) OVER before - (told.net)::numeric) AS earlier,
             sum(told.net) OVER before AS until,
             sum(told.net) OVER whole AS earned,
             sum(told.settled) OVER whole AS received,
             (row_number() OVER before = count(*) OVER whole) AS is_last
            FROM told
           WHERE told.of_balance
           WINDOW whole AS (PARTITION BY told.acquirer_id, told.currency), before AS (PARTITION BY told.acquirer_id, told.currency ORDER BY told.as_of, told.batch ROWS UNBOUNDED PRECEDING)
         ), paid AS (
          SELECT kept.acquirer_id,
             kept.batch,
             kept.currency,
             kept.net,
             kept.files,
             (((LEAST(kept.until, kept.received) - LEAST(kept.earlier, kept.received)) +
                 CASE
                     WHEN kept.is_last THEN GREATEST((kept.received - kept.earned), (0)::numeric)
                     ELSE (0)::numeric
                 END))::bigint AS settled
            FROM kept
         )
  SELECT told.acquirer_id,
     told.batch,
     told.currency,
     told.net,
     told.settled,
     told.files
    FROM told
   WHERE ((NOT told.of_balance) AND (told.net <> told.settled))
 UNION ALL
  SELECT paid.acquirer_id,
     paid.batch,
     paid.currency,
     paid.net,
     paid.settled,
     paid.files
    FROM paid
   WHERE (paid.net <> paid.settled)
 UNION ALL
  SELECT told.acquirer_id,
     told.batch,
     told.currency,
     told.payout AS net,
     told.settled,
     told.files
    FROM told
   WHERE (told.of_balance AND (told.payout <> 0) AND (told.payout <> told.settled))
 UNION ALL
  SELECT told.acquirer_id,
     ''::text AS batch,
     told.currency,
     (- (sum((told.payout - told.settled)))::bigint) AS net,
     (0)::bigint AS settled,
     (sum(told.files))::bigint AS files
    FROM told
   WHERE (told.of_balance AND (told.payout <> 0) AND (told.payout <> told.settled))
   GROUP BY told.acquirer_id, told.currency;
END;

COMMENT ON FUNCTION public.unpaid_on(on_day date) IS 'Batches that were not paid in full at the end of a day: what the files in force then promised, what the bank had settled of it, or had come back and was paid with a later batch by then, of how many files. Where the acquirer keeps a balance: what was earned and is not received, the oldest first; and payouts that have not come, which the nameless batch takes off again.';

CREATE TABLE public.hold (
    id bigint NOT NULL,
    book_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    exponent smallint NOT NULL,
    amount bigint NOT NULL,
    reason text NOT NULL,
    owner text NOT NULL,
    placed_on date NOT NULL,
    expires_on date,
    number bigint NOT NULL,
    released bigint,
    released_by text,
    CONSTRAINT hold_amount CHECK ((amount > 0)),
    CONSTRAINT hold_expires CHECK (((expires_on IS NULL) OR (expires_on >= placed_on))),
    CONSTRAINT hold_released CHECK (((released IS NULL) = (released_by IS NULL)))
);

COMMENT ON TABLE public.hold IS 'Available money set aside with a reason, until it expires or somebody releases it; number and released are entries of the book.';

CREATE FUNCTION public.withheld_on(on_day date, of_book bigint, capture bigint) RETURNS bigint
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT COALESCE(max((((entry.details)::jsonb ->> 'reserve'::text))::bigint), (0)::bigint) AS "coalesce"
    FROM (public.entry
      LEFT JOIN public.hold ON (((hold.book_id = entry.book_id) AND (hold.number = entry.number))))
   WHERE ((entry.book_id = withheld_on.of_book) AND (entry.number = withheld_on.capture) AND (entry.kind = 3) AND ((((entry.details)::jsonb ->> 'reserve_until'::text))::date > withheld_on.on_day) AND (EXISTS ( SELECT
            FROM public.entry later
           WHERE ((later.book_id = withheld_on.of_book) AND (later.number > withheld_on.capture) AND (later.kind = ANY (ARRAY[22, 24])) AND (later.booking_date <= withheld_on.on_day) AND
                 CASE later.kind
                     WHEN 24 THEN ((later.booking_date >= (((entry.details)::jsonb ->> 'available_on'::text))::date) AND ((hold.id IS NULL) OR (hold.released < later.number)))
                     ELSE (((later.details)::jsonb -> 'captures'::text) @> to_jsonb(withheld_on.capture))
                 END))));
END;

COMMENT ON FUNCTION public.withheld_on(on_day date, of_book bigint, capture bigint) IS 'What is withheld of a capture at the end of a day because its day has come, or it was advanced; nothing before, and nothing after its reserve is released.';

CREATE FUNCTION public.worker_fence(task text, granted bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform from worker_task where name = task and token = granted and expires_at > clock_timestamp() for share;
    if not found then
        raise exception using
            errcode = 'WL001',
            message = format('grant %s of task %s is over', granted, task);
    end if;
end
$$;

CREATE TABLE public.account (
    id integer NOT NULL,
    code smallint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    exponent smallint NOT NULL,
    dimension text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT account_currency CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT account_exponent CHECK (((exponent >= 0) AND (exponent <= 4)))
);

COMMENT ON TABLE public.account IS 'Accounts: a code of the chart in one currency, by acquirer or bank account where the chart says so.';

CREATE TABLE public.account_code (
    number smallint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    side text NOT NULL COLLATE pg_catalog."C",
    dimension text NOT NULL COLLATE pg_catalog."C",
    may_cross_zero boolean NOT NULL,
    memo boolean NOT NULL,
    CONSTRAINT account_code_dimension CHECK ((dimension = ANY (ARRAY['none'::text, 'acquirer'::text, 'bank'::text]))),
    CONSTRAINT account_code_side CHECK ((side = ANY (ARRAY['debit'::text, 'credit'::text])))
);

COMMENT ON TABLE public.account_code IS 'The chart of accounts.';

ALTER TABLE public.account ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.accrual (
    book_id bigint NOT NULL,
    schedule text NOT NULL COLLATE pg_catalog."C",
    version date NOT NULL,
    component text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    period date NOT NULL,
    vat text NOT NULL COLLATE pg_catalog."C",
    exact numeric(38,10) NOT NULL,
    posted bigint NOT NULL,
    vat_posted bigint NOT NULL,
    CONSTRAINT accrual_component CHECK ((component = ANY (ARRAY['percentage'::text, 'fixed'::text]))),
    CONSTRAINT accrual_within_one_unit CHECK ((abs(((posted)::numeric - exact)) < (1)::numeric))
);

COMMENT ON TABLE public.accrual IS 'Sub-unit fees: the exact sum that a schedule version has come to in a period, minor units, and the whole units of it that the ledger has.';

CREATE TABLE public.acquirer (
    id smallint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE public.acquirer IS 'Acquirers, as settings name them. A reconciliation locks its row, so one acquirer has one at a time.';

ALTER TABLE public.acquirer ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.acquirer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.acquirer_invoice (
    acquirer_id smallint NOT NULL,
    invoice text NOT NULL COLLATE pg_catalog."C",
    month date NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    interchange bigint NOT NULL,
    scheme_fee bigint NOT NULL,
    markup bigint NOT NULL,
    vat bigint NOT NULL,
    expected bigint,
    booked_on date NOT NULL,
    booked_by text NOT NULL,
    number bigint NOT NULL,
    paid_on date,
    paid_by text,
    payment bigint,
    CONSTRAINT acquirer_invoice_amounts CHECK (((interchange >= 0) AND (scheme_fee >= 0) AND (markup >= 0) AND (vat >= 0) AND ((((interchange + scheme_fee) + markup) + vat) > 0))),
    CONSTRAINT acquirer_invoice_month CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
    CONSTRAINT acquirer_invoice_paid CHECK ((((payment IS NULL) = (paid_on IS NULL)) AND ((payment IS NULL) = (paid_by IS NULL))))
);

COMMENT ON TABLE public.acquirer_invoice IS 'Invoices of acquirers that settle in full, minor units; expected is what they should have been by contract, without VAT, when they were booked. number and payment are entries of the house.';

CREATE TABLE public.adjustment (
    id bigint NOT NULL,
    book_id bigint NOT NULL,
    reference text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    exponent smallint NOT NULL,
    amount bigint NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    evidence text NOT NULL,
    note text NOT NULL,
    proposed_on date NOT NULL,
    proposed_by text NOT NULL,
    content bytea NOT NULL,
    state text DEFAULT 'proposed'::text NOT NULL COLLATE pg_catalog."C",
    decided_on date,
    decided_by text,
    decided bytea,
    rejection text,
    number bigint,
    CONSTRAINT adjustment_amount CHECK ((amount <> 0)),
    CONSTRAINT adjustment_as_proposed CHECK ((decided = content)),
    CONSTRAINT adjustment_booked CHECK (((number IS NOT NULL) = (state = 'booked'::text))),
    CONSTRAINT adjustment_content CHECK ((length(content) = 32)),
    CONSTRAINT adjustment_decided CHECK (((num_nonnulls(decided_on, decided_by, decided) =
CASE
    WHEN (state = 'proposed'::text) THEN 0
    ELSE 3
END) AND (decided_on >= proposed_on))),
    CONSTRAINT adjustment_reason CHECK (
CASE
    WHEN (reason = ANY (ARRAY['goodwill'::text, 'compensation'::text])) THEN (amount > 0)
    WHEN (reason = 'penalty'::text) THEN (amount < 0)
    ELSE (reason = ANY (ARRAY['fee_correction'::text, 'agreement'::text, 'mistake'::text]))
END),
    CONSTRAINT adjustment_rejected CHECK (((rejection IS NOT NULL) = (state = 'rejected'::text))),
    CONSTRAINT adjustment_state CHECK ((state = ANY (ARRAY['proposed'::text, 'booked'::text, 'rejected'::text]))),
    CONSTRAINT adjustment_two_people CHECK (((state <> 'booked'::text) OR (decided_by <> proposed_by)))
);

COMMENT ON TABLE public.adjustment IS 'What two people credit to a merchant''s available balance, or, below zero, charge it. content is the digest of what was proposed (schema/audits works it out again), decided that of what somebody else approved, or anybody rejected; number is the entry of the book.';

ALTER TABLE public.adjustment ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.adjustment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.aggregate (
    book_id bigint NOT NULL,
    aggregate text NOT NULL COLLATE pg_catalog."C",
    acquirer_id smallint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    items bigint NOT NULL,
    gross bigint NOT NULL,
    merchant_fee bigint NOT NULL,
    reserve bigint NOT NULL,
    matures boolean NOT NULL,
    passes_costs boolean NOT NULL,
    costs_vat text COLLATE pg_catalog."C",
    closed bigint,
    CONSTRAINT aggregate_costs_vat CHECK ((passes_costs OR (costs_vat IS NULL))),
    CONSTRAINT aggregate_gross CHECK ((gross >= 0)),
    CONSTRAINT aggregate_items CHECK ((items >= 0))
);

COMMENT ON TABLE public.aggregate IS 'Captures that the acquirer takes as one transaction; closed is the entry that handed them in, after which none joins.';

CREATE TABLE public.break_proposal (
    id bigint NOT NULL,
    break_id bigint NOT NULL,
    round smallint NOT NULL,
    plan bytea NOT NULL,
    request bytea NOT NULL,
    resolution text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL,
    evidence bytea,
    merchant text COLLATE pg_catalog."C",
    recovers bigint,
    quiet_until date,
    currency text COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    approvers smallint NOT NULL,
    finance_heads text[],
    item text,
    withheld bigint DEFAULT 0 NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL COLLATE pg_catalog."C",
    first_approver text,
    second_approver text,
    CONSTRAINT break_proposal_amount CHECK ((amount >= 0)),
    CONSTRAINT break_proposal_approved CHECK (((state = ANY (ARRAY['waiting'::text, 'withdrawn'::text])) OR (num_nonnulls(first_approver, second_approver) >= approvers))),
    CONSTRAINT break_proposal_approvers CHECK (((approvers >= 0) AND (approvers <= 2))),
    CONSTRAINT break_proposal_by_head CHECK (((state = ANY (ARRAY['waiting'::text, 'withdrawn'::text])) OR (finance_heads IS NULL) OR COALESCE((first_approver = ANY (finance_heads)), false) OR COALESCE((second_approver = ANY (finance_heads)), false))),
    CONSTRAINT break_proposal_currency CHECK (((currency IS NOT NULL) OR (amount = 0))),
    CONSTRAINT break_proposal_evidence CHECK ((length(evidence) = 32)),
    CONSTRAINT break_proposal_heads CHECK (((finance_heads IS NULL) OR (approvers = 2))),
    CONSTRAINT break_proposal_in_turn CHECK (((first_approver IS NOT NULL) OR (second_approver IS NULL))),
    CONSTRAINT break_proposal_plan CHECK ((length(plan) = 32)),
    CONSTRAINT break_proposal_request CHECK ((length(request) = 32)),
    CONSTRAINT break_proposal_round CHECK ((round > 0)),
    CONSTRAINT break_proposal_state CHECK ((state = ANY (ARRAY['waiting'::text, 'executed'::text, 'withdrawn'::text, 'reopened'::text]))),
    CONSTRAINT break_proposal_two_people CHECK ((COALESCE((first_approver <> proposed_by), true) AND COALESCE((second_approver <> proposed_by), true) AND COALESCE((first_approver <> second_approver), true))),
    CONSTRAINT break_proposal_withheld CHECK ((withheld >= 0))
);

COMMENT ON TABLE public.break_proposal IS 'How breaks are to be resolved, or were. plan is the digest of everything that is proposed together, request of what was asked; approvers is how many others have to approve, finance_heads of whom one has to be one; item is the open item that was closed, as JSON, and withheld what of it went into a reserve. Nothing that is approved changes: what should be otherwise is proposed anew.';

CREATE VIEW public.settlement_file_state AS
 SELECT file.source_id,
    file.acquirer_id,
    file.as_of,
        CASE
            WHEN (undone.superseded_by IS NOT NULL) THEN 'superseded'::text
            WHEN (undone.source_id IS NOT NULL) THEN 'undone'::text
            WHEN (released.source_id IS NOT NULL) THEN 'booked'::text
            WHEN (rejected.source_id IS NOT NULL) THEN 'rejected'::text
            ELSE file.state
        END AS state
   FROM (((public.settlement_file file
     LEFT JOIN public.file_decision undone ON (((undone.source_id = file.source_id) AND (undone.decision = 'undone'::text))))
     LEFT JOIN public.file_decision released ON (((released.source_id = file.source_id) AND (released.decision = 'released'::text))))
     LEFT JOIN public.file_decision rejected ON (((rejected.source_id = file.source_id) AND (rejected.decision = 'rejected'::text))));

COMMENT ON VIEW public.settlement_file_state IS 'How each settlement file stands: booked, quarantined, rejected, undone, or superseded by another file. Only what is booked counts.';

CREATE VIEW public.awaited AS
 SELECT promised.acquirer_id,
    promised.batch,
    promised.currency,
    promised.net,
    promised.settled,
    (promised.net - promised.settled) AS open,
    promised.expected_on,
    promised.words,
    promised.booked_on
   FROM ( SELECT told.acquirer_id,
            told.batch,
            told.currency,
            ((sum(told.net) +
                CASE
                    WHEN (sum(told.lines) = (0)::numeric) THEN sum(told.payout)
                    ELSE (0)::numeric
                END))::bigint AS net,
            (sum(told.settled))::bigint AS settled,
            max(told.expected_on) AS expected_on,
            array_agg(DISTINCT told.word) FILTER (WHERE (told.word IS NOT NULL)) AS words,
            max(told.booked_on) AS booked_on
           FROM ( SELECT file.acquirer_id,
                    batch.batch,
                    batch.currency,
                        CASE
                            WHEN batch.of_balance THEN batch.payout
                            ELSE batch.net
                        END AS net,
                        CASE
                            WHEN batch.of_balance THEN (0)::bigint
                            ELSE batch.lines
                        END AS lines,
                        CASE
                            WHEN batch.of_balance THEN (0)::bigint
                            ELSE batch.payout
                        END AS payout,
                    (0)::bigint AS settled,
                    COALESCE(batch.paid_on, file.as_of) AS expected_on,
                    NULL::text AS word,
                    file.as_of AS booked_on
                   FROM (public.settlement_batch batch
                     JOIN public.settlement_file_state file ON (((file.source_id = batch.source_id) AND (file.state = 'booked'::text))))
                UNION ALL
                 SELECT file.acquirer_id,
                    batch.batch,
                    batch.currency,
                    (0)::bigint AS net,
                    (0)::bigint AS lines,
                    (0)::bigint AS payout,
                    (0)::bigint AS settled,
                    NULL::date AS expected_on,
                    paid.word,
                    NULL::date AS booked_on
                   FROM ((public.settlement_batch batch
                     JOIN public.settlement_file_state file ON (((file.source_id = batch.source_id) AND (file.state = 'booked'::text))))
                     CROSS JOIN LATERAL unnest(batch.paid_as) paid(word))
                UNION ALL
                 SELECT told_1.acquirer_id,
                    told_1.batch,
                    told_1.currency,
                    (0)::bigint AS net,
                    (0)::bigint AS lines,
                    (0)::bigint AS payout,
                    told_1.settled,
                    NULL::date AS expected_on,
                    NULL::text AS word,
                    NULL::date AS booked_on
                   FROM public.bank_match told_1
                  WHERE (told_1.kind = 'receipt'::text)
                UNION ALL
                 SELECT returned.acquirer_id,
                    returned.batch,
                    returned.currency,
                    (0)::bigint AS net,
                    (0)::bigint AS lines,
                    (0)::bigint AS payout,
                    returned.amount AS settled,
                    NULL::date AS expected_on,
                    NULL::text AS word,
                    NULL::date AS booked_on
                   FROM (public.settlement_return returned
                     JOIN public.settlement_file_state file ON (((file.source_id = returned.source_id) AND (file.state = 'booked'::text))))
                UNION ALL
                 SELECT paid.acquirer_id,
                    paid.batch,
                    paid.currency,
                    (0)::bigint AS net,
                    (0)::bigint AS lines,
                    (0)::bigint AS payout,
                    paid.settled,
                    NULL::date AS expected_on,
                    NULL::text AS word,
                    NULL::date AS booked_on
                   FROM (public.break_batch paid
                     JOIN public.break_proposal proposal ON (((proposal.id = paid.proposal_id) AND (proposal.state = 'executed'::text))))) told
          GROUP BY told.acquirer_id, told.batch, told.currency) promised;

COMMENT ON VIEW public.awaited IS 'What acquirers'' batches promise by the files that are booked (of a balance that the acquirer keeps, and where no file has a line, the payouts), what the bank has received of it, or has come back and is paid with a later batch (settled, with what is short of it and in suspense; what was in suspense first counts when it is given to the batch), and what is still open. booked_on is the latest day of these files. A batch whose file was undone after its receipt is open below zero, until its file comes again.';

CREATE TABLE public.balance (
    book_id bigint NOT NULL,
    account_id integer NOT NULL,
    debits bigint NOT NULL,
    credits bigint NOT NULL,
    keeps_side text COLLATE pg_catalog."C",
    CONSTRAINT balance_credits CHECK ((credits >= 0)),
    CONSTRAINT balance_debits CHECK ((debits >= 0)),
    CONSTRAINT balance_keeps_side CHECK ((keeps_side = ANY (ARRAY['debit'::text, 'credit'::text]))),
    CONSTRAINT balance_within_side CHECK (
CASE keeps_side
    WHEN 'debit'::text THEN (debits >= credits)
    WHEN 'credit'::text THEN (credits >= debits)
    ELSE true
END)
)
WITH (fillfactor='50');

COMMENT ON TABLE public.balance IS 'Σ debits and Σ credits of an account in a book. keeps_side: the side the chart forbids it to leave, null where it may.';

CREATE TABLE public.bank_entry (
    source_id bigint NOT NULL,
    ordinal integer NOT NULL,
    statement integer NOT NULL,
    line bigint NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    booked_on date,
    value_on date,
    amount bigint NOT NULL,
    bank_reference text COLLATE pg_catalog."C",
    customer_reference text COLLATE pg_catalog."C",
    code text COLLATE pg_catalog."C",
    counterparty text,
    text text,
    raw text NOT NULL,
    CONSTRAINT bank_entry_status CHECK ((status = ANY (ARRAY['booked'::text, 'pending'::text, 'information'::text, 'future'::text])))
);

COMMENT ON TABLE public.bank_entry IS 'The entries of bank statements in our terms, and as they came (card numbers masked). Signed minor units, positive is money to us.';

CREATE TABLE public.bank_file (
    source_id bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    reason text,
    format text NOT NULL COLLATE pg_catalog."C",
    statements integer NOT NULL,
    entries integer NOT NULL,
    rejects bigint NOT NULL,
    CONSTRAINT bank_file_reason CHECK (((state = 'quarantined'::text) = (reason IS NOT NULL))),
    CONSTRAINT bank_file_state CHECK ((state = ANY (ARRAY['booked'::text, 'quarantined'::text])))
);

COMMENT ON TABLE public.bank_file IS 'Files of bank statements taken in: booked whole, or quarantined whole and nothing posted.';

CREATE TABLE public.bank_reject (
    source_id bigint NOT NULL,
    place integer NOT NULL,
    line bigint NOT NULL,
    field text NOT NULL,
    reason text NOT NULL
);

COMMENT ON TABLE public.bank_reject IS 'What of quarantined bank files could not be read: where and why (the first 10,000 of a file).';

CREATE TABLE public.bank_statement (
    source_id bigint NOT NULL,
    ordinal integer NOT NULL,
    line bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    statement_id text NOT NULL COLLATE pg_catalog."C",
    sequence text COLLATE pg_catalog."C",
    from_on date NOT NULL,
    until_on date NOT NULL,
    opening bigint,
    closing bigint,
    entries integer NOT NULL,
    content bytea NOT NULL,
    code smallint DEFAULT 1010 NOT NULL,
    CONSTRAINT bank_statement_balances CHECK (((state = 'information'::text) OR ((opening IS NOT NULL) AND (closing IS NOT NULL)))),
    CONSTRAINT bank_statement_code CHECK ((code = ANY (ARRAY[1010, 1030]))),
    CONSTRAINT bank_statement_content CHECK ((length(content) = 32)),
    CONSTRAINT bank_statement_period CHECK ((from_on <= until_on)),
    CONSTRAINT bank_statement_state CHECK ((state = ANY (ARRAY['booked'::text, 'repeated'::text, 'information'::text])))
);

COMMENT ON TABLE public.bank_statement IS 'The statements of bank files, minor units. booked: what it says is on the books; repeated: a booked one says the same; information: told for information, and stated elsewhere. content is the SHA-256 of its day, balances and amounts, by which it is known in any format.';

COMMENT ON COLUMN public.bank_statement.code IS 'What its account is in the books.';

CREATE TABLE public.bank_suspended (
    number bigint NOT NULL,
    source_id bigint NOT NULL,
    ordinal integer NOT NULL,
    part integer NOT NULL,
    line bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    booked_on date NOT NULL,
    value_on date NOT NULL,
    words text[] NOT NULL,
    payer text NOT NULL
);

COMMENT ON TABLE public.bank_suspended IS 'What bank statements told of, is in suspense by this entry of the house, and may pay a batch that becomes known later: what it is found by then. Signed minor units; words in capitals.';

CREATE TABLE public.book (
    id bigint NOT NULL,
    merchant text COLLATE pg_catalog."C",
    number bigint DEFAULT 0 NOT NULL,
    hash bytea DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea NOT NULL,
    CONSTRAINT book_hash CHECK ((length(hash) = 32)),
    CONSTRAINT book_number CHECK ((number >= 0))
)
WITH (fillfactor='50');

COMMENT ON TABLE public.book IS 'One a merchant, and the house (id 1, no merchant). number and hash are those of its last entry; its row lock is the book''s lock.';

ALTER TABLE public.book ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.book_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.break (
    id bigint NOT NULL,
    class text NOT NULL COLLATE pg_catalog."C",
    acquirer_id smallint NOT NULL,
    state text DEFAULT 'open'::text NOT NULL COLLATE pg_catalog."C",
    resolution text COLLATE pg_catalog."C",
    source_id bigint,
    ordinal integer,
    book_id bigint,
    number bigint,
    expected bigint,
    expected_in text COLLATE pg_catalog."C",
    actual bigint,
    actual_in text COLLATE pg_catalog."C",
    suspense_number bigint,
    kept_pending bigint,
    found_in bigint NOT NULL,
    expected_on date,
    detail text NOT NULL,
    owner text,
    proposal_id bigint,
    quiet_until date,
    CONSTRAINT break_actual CHECK (((actual IS NULL) = (actual_in IS NULL))),
    CONSTRAINT break_decided CHECK (((state <> 'resolved'::text) OR (resolution = ANY (ARRAY['match'::text, 'timing'::text, 'undone'::text, 'released'::text, 'rejected'::text])) OR (proposal_id IS NOT NULL))),
    CONSTRAINT break_expected CHECK (((expected IS NULL) = (expected_in IS NULL))),
    CONSTRAINT break_kept_pending CHECK ((kept_pending > 0)),
    CONSTRAINT break_proposal CHECK (((proposal_id IS NULL) OR (state = 'resolved'::text))),
    CONSTRAINT break_resolution CHECK (((state = 'resolved'::text) = (resolution IS NOT NULL))),
    CONSTRAINT break_resolution_name CHECK ((resolution = ANY (ARRAY['match'::text, 'adjustment'::text, 'write_off'::text, 'recovery'::text, 'timing'::text, 'undone'::text, 'released'::text, 'rejected'::text]))),
    CONSTRAINT break_state CHECK ((state = ANY (ARRAY['open'::text, 'investigating'::text, 'resolved'::text])))
);

COMMENT ON TABLE public.break IS 'Sources that should agree and do not. suspense_number is the entry of the house book that holds its money; kept_pending is what of a merchant''s pending money does not become available while it is open; found_in is the file that showed it; owner is who works on it, proposal_id what resolved it, and until quiet_until its item is not missing again.';

ALTER TABLE public.break ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.break_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.break_match (
    proposal_id bigint NOT NULL,
    book_id bigint NOT NULL,
    number bigint NOT NULL,
    item text
);

COMMENT ON TABLE public.break_match IS 'Which entries a proposal matches with the line of its break; item is the open item that was closed, as JSON.';

CREATE TABLE public.transfer (
    book_id bigint NOT NULL,
    entry_number bigint NOT NULL,
    ordinal smallint NOT NULL,
    debit_account integer NOT NULL,
    credit_account integer NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT transfer_accounts CHECK ((debit_account <> credit_account)),
    CONSTRAINT transfer_amount CHECK ((amount > 0)),
    CONSTRAINT transfer_ordinal CHECK ((ordinal > 0))
);

COMMENT ON TABLE public.transfer IS 'What entries move: one debit, one credit, a positive amount of minor units.';

CREATE VIEW public.break_money AS
 SELECT break.id AS break_id,
    suspense.book_id AS suspense_book,
    suspense.currency AS suspense_in,
    suspense.amount AS suspense,
    COALESCE(suspense.currency, difference.currency) AS stake_in,
    COALESCE(abs(suspense.amount), difference.amount) AS stake
   FROM ((public.break
     LEFT JOIN LATERAL ( SELECT held.book_id,
            held.currency,
            (sum(held.amount))::bigint AS amount
           FROM ( SELECT transfer.book_id,
                    account.currency,
                        CASE
                            WHEN (account.id = transfer.credit_account) THEN transfer.amount
                            ELSE (- transfer.amount)
                        END AS amount
                   FROM (public.transfer
                     JOIN public.account ON ((((account.id = transfer.debit_account) OR (account.id = transfer.credit_account)) AND (account.code = ANY (ARRAY[1900, 2900])))))
                  WHERE ((transfer.book_id =
                        CASE
                            WHEN (break.suspense_number IS NULL) THEN break.book_id
                            ELSE (1)::bigint
                        END) AND (transfer.entry_number = COALESCE(break.suspense_number, break.number)) AND ((break.suspense_number IS NOT NULL) OR ((break.ordinal IS NULL) AND (break.class = ANY (ARRAY['CHARGEBACK_UNKNOWN'::text, 'AMOUNT_MISMATCH'::text])))))
                UNION ALL
                 SELECT break.book_id,
                    break.expected_in,
                    (break.actual - break.expected)
                  WHERE ((break.class = 'AMOUNT_MISMATCH'::text) AND (break.ordinal IS NOT NULL))) held
          GROUP BY held.book_id, held.currency) suspense ON (true))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (break.class = ANY (ARRAY['MISSING_IN_FILE'::text, 'MISSING_RECEIPT'::text])) THEN break.expected_in
                    WHEN (break.expected_in = break.actual_in) THEN break.expected_in
                    WHEN (break.expected_in IS NULL) THEN break.actual_in
                    ELSE NULL::text
                END AS currency,
                CASE
                    WHEN (break.class = ANY (ARRAY['MISSING_IN_FILE'::text, 'MISSING_RECEIPT'::text])) THEN abs(break.expected)
                    WHEN (break.expected_in = break.actual_in) THEN abs((break.actual - break.expected))
                    WHEN (break.expected_in IS NULL) THEN abs(break.actual)
                    ELSE NULL::bigint
                END AS amount) difference);

COMMENT ON VIEW public.break_money IS 'What each break holds in suspense, or did until it was resolved (signed: credit above zero), and what is at stake in it.';

ALTER TABLE public.break_proposal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.break_proposal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.break_reason (
    name text NOT NULL COLLATE pg_catalog."C",
    resolution text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE public.break_reason IS 'Why a break is resolved, and as what.';

CREATE TABLE public.break_reserve (
    proposal_id bigint NOT NULL,
    book_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    source_on date NOT NULL,
    release_on date NOT NULL,
    withheld bigint NOT NULL,
    CONSTRAINT break_reserve_withheld CHECK ((withheld > 0))
);

COMMENT ON TABLE public.break_reserve IS 'What a match by hand put into which tranches of reserves.';

CREATE TABLE public.break_step (
    id bigint NOT NULL,
    break_id bigint NOT NULL,
    what text NOT NULL COLLATE pg_catalog."C",
    by text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    owner text,
    note text,
    evidence bytea,
    proposal_id bigint,
    CONSTRAINT break_step_evidence CHECK ((length(evidence) = 32)),
    CONSTRAINT break_step_owner CHECK (((what = 'assigned'::text) = (owner IS NOT NULL))),
    CONSTRAINT break_step_what CHECK ((what = ANY (ARRAY['assigned'::text, 'noted'::text, 'proposed'::text, 'approved'::text, 'withdrawn'::text, 'resolved'::text, 'recovered'::text, 'reopened'::text])))
);

COMMENT ON TABLE public.break_step IS 'Every step of every break: who did what, when by the database''s clock, with which note and the SHA-256 of which evidence.';

ALTER TABLE public.break_step ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.break_step_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.calendar_version (
    id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    digest bytea NOT NULL,
    content text NOT NULL,
    imported_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT calendar_version_digest CHECK ((length(digest) = 32)),
    CONSTRAINT calendar_version_number CHECK ((number >= 1))
);

COMMENT ON TABLE public.calendar_version IS 'Every calendar file that was imported, whole, numbered by name. The latest of a name is in force; what was counted before it came was counted with the one before.';

ALTER TABLE public.calendar_version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.calendar_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.cost_claim (
    source_id bigint NOT NULL,
    place integer NOT NULL,
    acquirer_id smallint NOT NULL,
    ordinal integer,
    batch text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    component text NOT NULL COLLATE pg_catalog."C",
    term text NOT NULL COLLATE pg_catalog."C",
    lines bigint NOT NULL,
    expected bigint NOT NULL,
    stated bigint NOT NULL,
    since date NOT NULL,
    booked_on date NOT NULL,
    detail text,
    proposal_id bigint,
    CONSTRAINT cost_claim_component CHECK ((component = ANY (ARRAY['total'::text, 'interchange'::text, 'scheme_fee'::text, 'markup'::text]))),
    CONSTRAINT cost_claim_differs CHECK ((stated <> expected)),
    CONSTRAINT cost_claim_lines CHECK ((lines > 0)),
    CONSTRAINT cost_claim_of_line CHECK (((ordinal IS NULL) = (detail IS NOT NULL))),
    CONSTRAINT cost_claim_place CHECK ((place > 0))
);

COMMENT ON TABLE public.cost_claim IS 'Costs that are not those of the contract, minor units: of a line, or, in one sum, of what is tolerated of the lines of a batch. The break of a line is its FEE_MISMATCH, that of a batch the one of the same detail. proposal_id: of a line that people matched, and with their match.';

CREATE TABLE public.cost_sum (
    source_id bigint NOT NULL,
    batch text NOT NULL COLLATE pg_catalog."C",
    month date NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    component text NOT NULL COLLATE pg_catalog."C",
    term text NOT NULL COLLATE pg_catalog."C",
    invoiced boolean NOT NULL,
    lines bigint NOT NULL,
    expected bigint NOT NULL,
    stated bigint NOT NULL,
    CONSTRAINT cost_sum_component CHECK ((component = ANY (ARRAY['total'::text, 'interchange'::text, 'scheme_fee'::text, 'markup'::text]))),
    CONSTRAINT cost_sum_lines CHECK ((lines > 0)),
    CONSTRAINT cost_sum_month CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

COMMENT ON TABLE public.cost_sum IS 'What the costs of the matched lines of a settlement file come to by contract (expected) and by the file (stated), minor units, by batch, month of the lines and term of the contract; the term is empty for what no term prices. invoiced: not deducted, but awaited on the invoice of the month.';

CREATE TABLE public.entry_kind (
    id smallint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE public.entry_kind IS 'What kinds of fact an entry can state.';

ALTER TABLE public.hold ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.hold_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.idempotency_key (
    merchant text NOT NULL COLLATE pg_catalog."C",
    environment text NOT NULL COLLATE pg_catalog."C",
    operation text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    body text NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone GENERATED ALWAYS AS ((((first_seen AT TIME ZONE 'UTC'::text) + '24:00:00'::interval) AT TIME ZONE 'UTC'::text)) STORED NOT NULL,
    CONSTRAINT idempotency_key_body CHECK ((octet_length(body) <= 1048576)),
    CONSTRAINT idempotency_key_fingerprint CHECK ((octet_length(fingerprint) = 32)),
    CONSTRAINT idempotency_key_format CHECK ((key ~ '^[\x21-\x7E]{1,255}$'::text)),
    CONSTRAINT idempotency_key_scope CHECK (((LEAST(octet_length(merchant), octet_length(environment), octet_length(operation)) >= 1) AND (GREATEST(octet_length(merchant), octet_length(environment), octet_length(operation)) <= 128))),
    CONSTRAINT idempotency_key_status CHECK ((((status / 100) = ANY (ARRAY[2, 4])) AND (status <> ALL (ARRAY[400, 401, 403, 404, 409, 422, 429]))))
);

COMMENT ON TABLE public.idempotency_key IS 'What was answered to a request, by who asked for what under which key. For 24 hours; references keep money from moving twice for ever.';

CREATE TABLE public.loss (
    id bigint NOT NULL,
    book_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    exponent smallint NOT NULL,
    amount bigint NOT NULL,
    recovers bigint,
    recovered bigint DEFAULT 0 NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL,
    planned_on date NOT NULL,
    planned_by text NOT NULL,
    state text DEFAULT 'planned'::text NOT NULL COLLATE pg_catalog."C",
    approved_by text,
    number bigint,
    CONSTRAINT loss_amount CHECK ((amount > 0)),
    CONSTRAINT loss_approved CHECK (((approved_by IS NOT NULL) = (state = 'booked'::text))),
    CONSTRAINT loss_booked CHECK (((number IS NOT NULL) = (state = 'booked'::text))),
    CONSTRAINT loss_reason CHECK (
CASE
    WHEN (recovers IS NULL) THEN (reason = ANY (ARRAY['insolvent'::text, 'untraceable'::text, 'uneconomic'::text, 'settled'::text]))
    ELSE (reason = 'recovered'::text)
END),
    CONSTRAINT loss_recovered CHECK (((recovered >= 0) AND (recovered <= amount) AND ((recovered = 0) OR ((state = 'booked'::text) AND (recovers IS NULL))))),
    CONSTRAINT loss_state CHECK ((state = ANY (ARRAY['planned'::text, 'booked'::text, 'cancelled'::text]))),
    CONSTRAINT loss_two_people CHECK (((approved_by IS NULL) OR (approved_by <> planned_by)))
);

COMMENT ON TABLE public.loss IS 'What a merchant owes and nobody expects to get back, given up by two people; and, where recovers names one of these, what came back of it. recovered is the sum of that; number is an entry of the book.';

ALTER TABLE public.loss ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.loss_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.maturing (
    book_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    source_on date NOT NULL,
    available_on date NOT NULL,
    reserve_until date,
    payable bigint NOT NULL,
    reserve bigint NOT NULL
);

COMMENT ON TABLE public.maturing IS 'Pending money that becomes available on a day whatever the acquirer has reported, by the day of its sales; a row goes when it is released. payable is net of fees, reserve is the part of it that is withheld then.';

CREATE TABLE public.monthly_limit (
    acquirer_id smallint NOT NULL,
    payer text NOT NULL COLLATE pg_catalog."C",
    month date NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    held bigint NOT NULL,
    kept bigint NOT NULL,
    CONSTRAINT monthly_limit_held CHECK ((held >= 0)),
    CONSTRAINT monthly_limit_kept CHECK ((kept >= 0)),
    CONSTRAINT monthly_limit_month CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

COMMENT ON TABLE public.monthly_limit IS 'What a payer has used of a carrier''s monthly limit: held by open authorizations, kept by captures.';

CREATE TABLE public.open_item (
    book_id bigint NOT NULL,
    number bigint NOT NULL,
    acquirer_id smallint NOT NULL,
    record_type smallint NOT NULL,
    acquirer_reference text COLLATE pg_catalog."C",
    merchant_reference text COLLATE pg_catalog."C",
    arn text COLLATE pg_catalog."C",
    rrn text COLLATE pg_catalog."C",
    auth_code text COLLATE pg_catalog."C",
    card text COLLATE pg_catalog."C",
    method text COLLATE pg_catalog."C",
    scheme text COLLATE pg_catalog."C",
    card_country text COLLATE pg_catalog."C",
    gross bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    merchant_fee bigint NOT NULL,
    reserve bigint NOT NULL,
    cost bigint NOT NULL,
    matures boolean NOT NULL,
    passes_costs boolean NOT NULL,
    costs_vat text COLLATE pg_catalog."C",
    occurred_on date NOT NULL,
    expected_on date NOT NULL,
    reserve_until date,
    advanced bigint,
    CONSTRAINT open_item_advanced CHECK (((advanced IS NULL) OR matures)),
    CONSTRAINT open_item_costs_vat CHECK ((passes_costs OR (costs_vat IS NULL))),
    CONSTRAINT open_item_reserve CHECK (((reserve = 0) = (reserve_until IS NULL)))
);

COMMENT ON TABLE public.open_item IS 'Captures, refunds and chargebacks that no settlement file has reported; a row goes when it is matched. gross is signed, positive is money to us; cost is what the acquirer takes with it and the ledger has already; method, scheme and card_country are what its contract prices by; passes_costs says that interchange and scheme fee of its line are the merchant''s, and costs_vat at which VAT (null: exempt); matures says that its money becomes available by date or did so in advance, not by the match; advanced is the entry that did it in advance.';

CREATE TABLE public.payment (
    book_id bigint NOT NULL,
    payment text NOT NULL COLLATE pg_catalog."C",
    acquirer_id smallint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    requested bigint,
    authorized bigint,
    captured bigint NOT NULL,
    over_captured bigint NOT NULL,
    voided bigint NOT NULL,
    expired bigint NOT NULL,
    refunded bigint NOT NULL,
    charged_back bigint NOT NULL,
    fee_returnable bigint NOT NULL,
    vat_returnable bigint NOT NULL,
    fee_returned bigint NOT NULL,
    vat_returned bigint NOT NULL,
    accrued text COLLATE pg_catalog."C",
    dispute_fee bigint,
    dispute_vat bigint,
    unpaid bigint,
    expires_at timestamp with time zone,
    captured_at timestamp with time zone,
    earlier_captures text COLLATE pg_catalog."C",
    final_captures bigint NOT NULL,
    limit_month date,
    method text COLLATE pg_catalog."C",
    scheme text COLLATE pg_catalog."C",
    card_country text COLLATE pg_catalog."C",
    payer text COLLATE pg_catalog."C",
    category text COLLATE pg_catalog."C",
    rrn text COLLATE pg_catalog."C",
    auth_code text COLLATE pg_catalog."C",
    card text COLLATE pg_catalog."C",
    merchant_reference text COLLATE pg_catalog."C",
    refunds bigint NOT NULL,
    CONSTRAINT payment_amounts CHECK (((captured >= 0) AND (voided >= 0) AND (expired >= 0) AND (refunded >= 0) AND (charged_back >= 0) AND (final_captures >= 0))),
    CONSTRAINT payment_captured_within_authorized CHECK (((((captured - over_captured) + voided) + expired) <= COALESCE(authorized, (0)::bigint))),
    CONSTRAINT payment_fee_returned CHECK (((fee_returned >= 0) AND (fee_returned <= fee_returnable))),
    CONSTRAINT payment_over_captured CHECK (((over_captured >= 0) AND (over_captured <= captured))),
    CONSTRAINT payment_refunded_within_captured CHECK ((refunded <= captured)),
    CONSTRAINT payment_refunds CHECK (((refunds >= 0) AND ((refunds = 0) = (refunded = 0)))),
    CONSTRAINT payment_vat_returned CHECK (((vat_returned >= 0) AND (vat_returned <= vat_returnable)))
);

COMMENT ON TABLE public.payment IS 'Where each payment stands, in minor units. authorized is null while every attempt was declined or its outcome is unknown, requested is what was asked then; charged_back is net of reversals; accrued holds, as JSON, the exact fees that refunds may give back; captured_at is the time of the latest capture, earlier_captures, as JSON, those of the others; rrn, auth_code and card are those of the authorization; merchant_reference is there where it is not the payment''s own name; refunds is how many did not fail.';

CREATE TABLE public.payout (
    id bigint NOT NULL,
    book_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    exponent smallint NOT NULL,
    cutoff date NOT NULL,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    vat bigint NOT NULL,
    state text DEFAULT 'planned'::text NOT NULL COLLATE pg_catalog."C",
    end_to_end_id text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL,
    destination text NOT NULL,
    bank text NOT NULL,
    planned_by text NOT NULL,
    run_id bigint,
    approved boolean GENERATED ALWAYS AS (
CASE
    WHEN (state <> ALL (ARRAY['planned'::text, 'cancelled'::text])) THEN true
    ELSE NULL::boolean
END) STORED,
    file_id bigint,
    instruction bigint,
    confirmation bigint,
    unknown_on date,
    unknown_by text,
    unknown_note text,
    returned_on date,
    returned_by text,
    return_reason text,
    return_entry bigint,
    CONSTRAINT payout_amount CHECK ((amount > 0)),
    CONSTRAINT payout_approved CHECK (((approved IS NULL) OR (run_id IS NOT NULL))),
    CONSTRAINT payout_confirmed CHECK (
CASE
    WHEN (confirmation IS NULL) THEN (state <> 'confirmed'::text)
    ELSE (state = ANY (ARRAY['confirmed'::text, 'returned'::text]))
END),
    CONSTRAINT payout_fee CHECK ((fee >= 0)),
    CONSTRAINT payout_filed CHECK (((file_id IS NOT NULL) = (instruction IS NOT NULL))),
    CONSTRAINT payout_instructed CHECK (((instruction IS NOT NULL) = (state = ANY (ARRAY['instructed'::text, 'sent'::text, 'unknown'::text, 'confirmed'::text, 'returned'::text])))),
    CONSTRAINT payout_returned CHECK ((num_nonnulls(returned_on, returned_by, return_reason, return_entry) =
CASE
    WHEN (state = 'returned'::text) THEN 4
    ELSE 0
END)),
    CONSTRAINT payout_state CHECK ((state = ANY (ARRAY['planned'::text, 'approved'::text, 'instructed'::text, 'sent'::text, 'unknown'::text, 'confirmed'::text, 'returned'::text, 'cancelled'::text]))),
    CONSTRAINT payout_unknown CHECK (((num_nonnulls(unknown_on, unknown_by, unknown_note) =
CASE
    WHEN (unknown_on IS NULL) THEN 0
    ELSE 3
END) AND ((state <> 'unknown'::text) OR (unknown_on IS NOT NULL)))),
    CONSTRAINT payout_vat CHECK ((vat >= 0))
);

COMMENT ON TABLE public.payout IS 'At most one payout per (merchant, currency, cut-off), for ever; instruction, confirmation and return_entry are entries of the merchant''s book. The merchant receives the amount, and pays fee and VAT beside it. run_id is the run it was approved with; approved is true exactly while that has to be an approved one.';

CREATE TABLE public.payout_file (
    source_id bigint NOT NULL,
    cutoff date NOT NULL,
    ordinal integer NOT NULL,
    format text NOT NULL COLLATE pg_catalog."C",
    execute_on date NOT NULL,
    written boolean DEFAULT false NOT NULL,
    sent_on date,
    sent_by text,
    CONSTRAINT payout_file_format CHECK ((format = ANY (ARRAY['csv'::text, 'pain.001'::text, 'pain.001.03'::text, 'nacha'::text]))),
    CONSTRAINT payout_file_sent CHECK ((((sent_on IS NULL) = (sent_by IS NULL)) AND (written OR (sent_on IS NULL))))
);

COMMENT ON TABLE public.payout_file IS 'Bank files of instructed payouts. written is set after the file is on disk; until then instructing again writes it, byte for byte the same. execute_on is the day on which the bank is to pay, sent_on the day on which the bank was given it.';

ALTER TABLE public.payout ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payout_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payout_run (
    id bigint NOT NULL,
    cutoff date NOT NULL,
    plan bytea NOT NULL,
    planners text[] NOT NULL,
    approvers smallint NOT NULL,
    finance_heads text[],
    first_approver text,
    second_approver text,
    state text DEFAULT 'waiting'::text NOT NULL COLLATE pg_catalog."C",
    approved boolean GENERATED ALWAYS AS ((state = 'approved'::text)) STORED NOT NULL,
    CONSTRAINT payout_run_approved CHECK (((state <> 'approved'::text) OR (num_nonnulls(first_approver, second_approver) >= approvers))),
    CONSTRAINT payout_run_approvers CHECK (((approvers >= 0) AND (approvers <= 2))),
    CONSTRAINT payout_run_by_head CHECK (((state <> 'approved'::text) OR (finance_heads IS NULL) OR COALESCE((first_approver = ANY (finance_heads)), false) OR COALESCE((second_approver = ANY (finance_heads)), false))),
    CONSTRAINT payout_run_heads CHECK (((finance_heads IS NULL) OR (approvers = 2))),
    CONSTRAINT payout_run_in_turn CHECK (((first_approver IS NOT NULL) OR (second_approver IS NULL))),
    CONSTRAINT payout_run_plan CHECK ((length(plan) = 32)),
    CONSTRAINT payout_run_planners CHECK (((cardinality(planners) > 0) AND (array_position(planners, NULL::text) IS NULL))),
    CONSTRAINT payout_run_state CHECK ((state = ANY (ARRAY['waiting'::text, 'approved'::text, 'void'::text]))),
    CONSTRAINT payout_run_two_people CHECK ((COALESCE((first_approver <> ALL (planners)), true) AND COALESCE((second_approver <> ALL (planners)), true) AND COALESCE((first_approver <> second_approver), true)))
);

COMMENT ON TABLE public.payout_run IS 'Payouts of a cut-off that are approved together. plan is the digest of what they are (schema/audits works it out again), so who approves approves exactly that; approvers is how many others have to, finance_heads of whom one has to be one. Payouts that come to be others make it void.';

ALTER TABLE public.payout_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payout_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.period (
    through date NOT NULL,
    note text NOT NULL,
    trial_balance text NOT NULL,
    closed_by text NOT NULL,
    closed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT period_trial_balance CHECK ((trial_balance ~ '^[0-9a-f]{64}$'::text))
);

COMMENT ON TABLE public.period IS 'Periods that are closed: everything up to and including through. trial_balance is the SHA-256 of the trial balance of that day as CSV; nothing is booked on those days any more, so it stays what it is.';

CREATE TABLE public.record_type (
    id smallint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE public.record_type IS 'What a settlement line or an open item reports.';

CREATE TABLE public.reserve_tranche (
    book_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    source_on date NOT NULL,
    release_on date NOT NULL,
    withheld bigint NOT NULL,
    released bigint DEFAULT 0 NOT NULL,
    applied bigint DEFAULT 0 NOT NULL,
    CONSTRAINT reserve_tranche_applied CHECK ((applied >= 0)),
    CONSTRAINT reserve_tranche_once CHECK (((released + applied) <= withheld)),
    CONSTRAINT reserve_tranche_released CHECK ((released >= 0)),
    CONSTRAINT reserve_tranche_withheld CHECK ((withheld >= 0))
);

COMMENT ON TABLE public.reserve_tranche IS 'What is withheld of a day''s sales: withheld less released (to available) less applied (to refunds that nothing else covered) is what account 2030 holds of it.';

CREATE TABLE public.settings_version (
    id integer NOT NULL,
    effective_from date NOT NULL,
    digest bytea NOT NULL,
    content text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.settings_version IS 'Every settings file that was applied, whole. A booking date is governed by the latest effective_from at or before it.';

ALTER TABLE public.settings_version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.settings_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.settlement_balance (
    source_id bigint NOT NULL,
    acquirer_id smallint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    begins_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    opening bigint NOT NULL,
    closing bigint NOT NULL,
    CONSTRAINT settlement_balance_period CHECK ((begins_at <= ends_at))
);

COMMENT ON TABLE public.settlement_balance IS 'The balances that settlement files state, minor units: what an account at the acquirer begins a period with, and what it ends it with.';

CREATE TABLE public.settlement_match (
    book_id bigint NOT NULL,
    number bigint NOT NULL,
    source_id bigint NOT NULL,
    ordinal integer NOT NULL,
    round smallint DEFAULT 0 NOT NULL,
    pass smallint NOT NULL,
    rules smallint NOT NULL,
    item_gross bigint NOT NULL,
    line_gross bigint NOT NULL,
    passed_on bigint,
    passed_on_vat bigint,
    merchant_fee bigint NOT NULL,
    reserve bigint NOT NULL,
    cost bigint NOT NULL,
    matures boolean NOT NULL,
    passes_costs boolean NOT NULL,
    costs_vat text COLLATE pg_catalog."C",
    expected_on date NOT NULL,
    reserve_until date,
    advanced bigint,
    proposal_id bigint,
    timing text COLLATE pg_catalog."C",
    CONSTRAINT settlement_match_by_hand CHECK ((((pass = 7) = (proposal_id IS NOT NULL)) AND ((round > 0) = (proposal_id IS NOT NULL)))),
    CONSTRAINT settlement_match_passed_on CHECK (((passed_on IS NULL) = (passed_on_vat IS NULL))),
    CONSTRAINT settlement_match_round CHECK ((round >= 0)),
    CONSTRAINT settlement_match_timing CHECK ((timing = ANY (ARRAY['late'::text, 'cutoff'::text])))
);

COMMENT ON TABLE public.settlement_match IS 'Which line proved which entry, by which pass of which version of the rules, and the gross amount of both sides: of a line that proves several entries, and of an entry that several lines prove, the part. passed_on is what of the line''s costs the merchant pays, without its VAT; null where it pays none. The other columns are those of the open item as it was, so that a match that is undone gives it back. Once a line is matched, it is matched whole, and so is an entry, since its open item goes with the match (schema/audits proves it). What people match is of a proposal (which they may undo), and counts rounds from 1; standing_match leaves out what is undone.';

COMMENT ON COLUMN public.settlement_match.timing IS 'How the days of both sides differ: late, reported after it was expected; cutoff, of another day than the item; null where they do not.';

CREATE TABLE public.settlement_reject (
    source_id bigint NOT NULL,
    line bigint NOT NULL,
    place integer NOT NULL,
    column_name text,
    reason text NOT NULL,
    raw text DEFAULT ''::text NOT NULL
);

COMMENT ON TABLE public.settlement_reject IS 'Rows of quarantined files that could not be read: where and why (the first 10,000 of a file).';

COMMENT ON COLUMN public.settlement_reject.raw IS 'The row as it came, or the elements of a message, card numbers masked, cut off after 1,000 characters; of a message that falls apart only how long it is.';

CREATE TABLE public.settlement_reserve (
    source_id bigint NOT NULL,
    book_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    source_on date NOT NULL,
    release_on date NOT NULL,
    withheld bigint NOT NULL,
    CONSTRAINT settlement_reserve_withheld CHECK ((withheld > 0))
);

COMMENT ON TABLE public.settlement_reserve IS 'What the booking of a settlement file put into which tranches of reserves.';

CREATE TABLE public.source (
    id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    digest bytea NOT NULL,
    run smallint DEFAULT 1 NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT source_kind CHECK ((kind = ANY (ARRAY['events'::text, 'settlement'::text, 'payout'::text, 'run'::text, 'bank'::text]))),
    CONSTRAINT source_run CHECK ((run > 0))
);

COMMENT ON TABLE public.source IS 'Where entries came from: a file or run, known by the SHA-256 of its content. A settlement file that was undone and comes again is another run of it.';

ALTER TABLE public.source ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.source_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.standing_match AS
 SELECT match.book_id,
    match.number,
    match.source_id,
    match.ordinal,
    match.round,
    match.pass,
    match.rules,
    match.item_gross,
    match.line_gross,
    match.passed_on,
    match.passed_on_vat,
    match.merchant_fee,
    match.reserve,
    match.cost,
    match.matures,
    match.passes_costs,
    match.costs_vat,
    match.expected_on,
    match.reserve_until,
    match.advanced,
    match.proposal_id,
    match.timing
   FROM (public.settlement_match match
     LEFT JOIN public.break_proposal proposal ON ((proposal.id = match.proposal_id)))
  WHERE ((match.proposal_id IS NULL) OR (proposal.state = 'executed'::text));

COMMENT ON VIEW public.standing_match IS 'Matches but for those that somebody made by hand and undid. Whether their file is booked still is in settlement_file_state.';

CREATE VIEW public.statement_item AS
 SELECT book.merchant,
    account.currency,
    account.exponent,
    entry.booking_date,
    entry.number,
    transfer.ordinal,
        CASE
            WHEN (other.code = 2300) THEN 'vat'::text
            WHEN (other.code = ANY (ARRAY[4010, 4020])) THEN 'merchant_fee'::text
            WHEN (other.code = 4030) THEN 'dispute_fee'::text
            WHEN (other.code = 4040) THEN 'minimum_top_up'::text
            WHEN ((other.code = 4050) AND (entry.kind = ANY (ARRAY[20, 38]))) THEN 'payout_fee'::text
            WHEN (other.code = 4050) THEN 'advance_fee'::text
            WHEN (other.code = 4060) THEN 'costs_passed_on'::text
            WHEN (other.code = 4090) THEN 'fee_returned'::text
            WHEN (other.code = 2030) THEN 'reserve'::text
            WHEN (other.code = 2040) THEN 'hold'::text
            WHEN (entry.kind = 21) THEN 'payout'::text
            WHEN (entry.kind = ANY (ARRAY[10, 11, 12])) THEN 'settlement_difference'::text
            ELSE entry_kind.name
        END AS movement,
    entry.reference,
    entry.payment,
    owed.is_debit,
    transfer.amount
   FROM ((((((((public.book
     JOIN public.entry ON ((entry.book_id = book.id)))
     JOIN public.entry_kind ON ((entry_kind.id = entry.kind)))
     JOIN public.transfer ON (((transfer.book_id = entry.book_id) AND (transfer.entry_number = entry.number))))
     JOIN public.account debit ON ((debit.id = transfer.debit_account)))
     JOIN public.account credit ON ((credit.id = transfer.credit_account)))
     CROSS JOIN LATERAL ( SELECT (debit.code = ANY (ARRAY[1200, 2010, 2020, 2100])) AS is_debit,
            (credit.code = ANY (ARRAY[1200, 2010, 2020, 2100])) AS is_credit) owed)
     JOIN public.account ON ((account.id =
        CASE
            WHEN owed.is_debit THEN debit.id
            ELSE credit.id
        END)))
     JOIN public.account other ON ((other.id =
        CASE
            WHEN owed.is_debit THEN credit.id
            ELSE debit.id
        END)))
  WHERE ((owed.is_debit <> owed.is_credit) AND (book.merchant IS NOT NULL));

COMMENT ON VIEW public.statement_item IS 'Every transfer that changed what a merchant is owed (pending, available and in transit, less what is shown as a receivable), by what it was: its other account where that says it (fees, VAT, reserve, hold), else the kind of its entry.';

CREATE TABLE public.tolerated (
    source_id bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    used bigint NOT NULL,
    CONSTRAINT tolerated_used CHECK ((used > 0))
);

COMMENT ON TABLE public.tolerated IS 'How far the gross amounts of matched lines of a settlement file are from those of their items, each within the tolerance: Σ without sign, minor units.';

CREATE TABLE public.velocity_activity (
    book_id bigint NOT NULL,
    number bigint NOT NULL,
    payer text COLLATE pg_catalog."C",
    method text COLLATE pg_catalog."C",
    category text COLLATE pg_catalog."C",
    occurred_at timestamp with time zone NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    CONSTRAINT velocity_activity_amount CHECK ((amount >= 0))
);

COMMENT ON TABLE public.velocity_activity IS 'Authorizations that some velocity rule looked at, whatever the rule: number is the entry of the book.';

CREATE TABLE public.velocity_decision (
    book_id bigint NOT NULL,
    payment text NOT NULL COLLATE pg_catalog."C",
    reference text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    number bigint,
    rule text COLLATE pg_catalog."C",
    rule_version date NOT NULL,
    action text NOT NULL COLLATE pg_catalog."C",
    count bigint,
    max_count bigint,
    currency text NOT NULL COLLATE pg_catalog."C",
    sum bigint NOT NULL,
    max_sum bigint,
    reason text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    CONSTRAINT velocity_decision_action CHECK ((action = ANY (ARRAY['flag'::text, 'hold'::text, 'refuse'::text]))),
    CONSTRAINT velocity_decision_fingerprint CHECK ((length(fingerprint) = 32)),
    CONSTRAINT velocity_decision_limit CHECK (((max_count IS NOT NULL) OR (max_sum IS NOT NULL))),
    CONSTRAINT velocity_decision_refused CHECK (((action <> 'refuse'::text) OR (number IS NULL)))
);

COMMENT ON TABLE public.velocity_decision IS 'What velocity rules said of events above their limits, and (without a rule) monthly limits. number is the entry of the book, null where the event was refused; fingerprint is that of the event, so that a refused event that comes again meets the same decision.';

CREATE TABLE public.worker_task (
    name text NOT NULL COLLATE pg_catalog."C",
    token bigint DEFAULT 0 NOT NULL,
    holder text,
    granted_at timestamp with time zone,
    expires_at timestamp with time zone,
    ended_at timestamp with time zone,
    outcome text,
    error text,
    done_at timestamp with time zone,
    done_through date,
    runs bigint DEFAULT 0 NOT NULL,
    failures bigint DEFAULT 0 NOT NULL,
    lost bigint DEFAULT 0 NOT NULL,
    CONSTRAINT worker_task_ended CHECK (((ended_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT worker_task_failed CHECK (((NOT (outcome IS DISTINCT FROM 'failed'::text)) = (error IS NOT NULL))),
    CONSTRAINT worker_task_failures CHECK (((NOT (outcome IS DISTINCT FROM 'failed'::text)) = (failures > 0))),
    CONSTRAINT worker_task_granted CHECK (((token > 0) = ((holder IS NOT NULL) AND (granted_at IS NOT NULL)))),
    CONSTRAINT worker_task_name CHECK ((name ~ '^[a-z_]{1,30}$'::text)),
    CONSTRAINT worker_task_outcome CHECK ((outcome = ANY (ARRAY['done'::text, 'failed'::text]))),
    CONSTRAINT worker_task_token CHECK ((token >= 0))
);

COMMENT ON TABLE public.worker_task IS 'Tasks that run by themselves. token: how often each was granted; holder: who has, or had, it last; expires_at: until when, none where nobody runs it; outcome, error, ended_at: of the last run that ended; done_through: the last day that a daily task was done for; failures: how many runs in a row failed; lost: how many grants ran out before their run ended.';

ALTER TABLE ONLY public.account_code
    ADD CONSTRAINT account_code_name UNIQUE (name);

ALTER TABLE ONLY public.account_code
    ADD CONSTRAINT account_code_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_identity UNIQUE (code, currency, dimension);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.accrual
    ADD CONSTRAINT accrual_identity PRIMARY KEY (book_id, schedule, version, component, currency, period, vat);

ALTER TABLE ONLY public.acquirer_invoice
    ADD CONSTRAINT acquirer_invoice_identity PRIMARY KEY (acquirer_id, invoice);

ALTER TABLE ONLY public.acquirer
    ADD CONSTRAINT acquirer_name UNIQUE (name);

ALTER TABLE ONLY public.acquirer
    ADD CONSTRAINT acquirer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_reference UNIQUE (book_id, reference);

ALTER TABLE ONLY public.aggregate
    ADD CONSTRAINT aggregate_identity PRIMARY KEY (book_id, aggregate);

ALTER TABLE ONLY public.balance
    ADD CONSTRAINT balance_identity PRIMARY KEY (book_id, account_id);

ALTER TABLE ONLY public.bank_entry
    ADD CONSTRAINT bank_entry_identity PRIMARY KEY (source_id, ordinal);

ALTER TABLE ONLY public.bank_file
    ADD CONSTRAINT bank_file_pkey PRIMARY KEY (source_id);

ALTER TABLE ONLY public.bank_match
    ADD CONSTRAINT bank_match_identity PRIMARY KEY (source_id, ordinal, part);

ALTER TABLE ONLY public.bank_reject
    ADD CONSTRAINT bank_reject_identity PRIMARY KEY (source_id, place);

ALTER TABLE ONLY public.bank_statement
    ADD CONSTRAINT bank_statement_identity PRIMARY KEY (source_id, ordinal);

ALTER TABLE ONLY public.bank_suspended
    ADD CONSTRAINT bank_suspended_identity PRIMARY KEY (number);

ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_merchant UNIQUE (merchant);

ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.break_batch
    ADD CONSTRAINT break_batch_identity PRIMARY KEY (proposal_id, acquirer_id, batch);

ALTER TABLE ONLY public.break_entry
    ADD CONSTRAINT break_entry_identity PRIMARY KEY (book_id, number);

ALTER TABLE ONLY public.break_match
    ADD CONSTRAINT break_match_identity PRIMARY KEY (proposal_id, book_id, number);

ALTER TABLE ONLY public.break
    ADD CONSTRAINT break_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.break_proposal
    ADD CONSTRAINT break_proposal_once UNIQUE (break_id, round);

ALTER TABLE ONLY public.break_proposal
    ADD CONSTRAINT break_proposal_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.break_reason
    ADD CONSTRAINT break_reason_name PRIMARY KEY (name);

ALTER TABLE ONLY public.break_reason
    ADD CONSTRAINT break_reason_resolution UNIQUE (name, resolution);

ALTER TABLE ONLY public.break_reserve
    ADD CONSTRAINT break_reserve_identity PRIMARY KEY (proposal_id, book_id, currency, source_on, release_on);

ALTER TABLE ONLY public.break_step
    ADD CONSTRAINT break_step_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.calendar_version
    ADD CONSTRAINT calendar_version_identity UNIQUE (name, number);

ALTER TABLE ONLY public.calendar_version
    ADD CONSTRAINT calendar_version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cost_claim
    ADD CONSTRAINT cost_claim_identity PRIMARY KEY (source_id, place);

ALTER TABLE ONLY public.cost_sum
    ADD CONSTRAINT cost_sum_identity PRIMARY KEY (source_id, batch, month, currency, component, term, invoiced);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_identity PRIMARY KEY (book_id, number);

ALTER TABLE ONLY public.entry_kind
    ADD CONSTRAINT entry_kind_name UNIQUE (name);

ALTER TABLE ONLY public.entry_kind
    ADD CONSTRAINT entry_kind_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_reference UNIQUE (book_id, reference);

ALTER TABLE ONLY public.file_decision
    ADD CONSTRAINT file_decision_by UNIQUE (source_id, decision, decided_by);

ALTER TABLE ONLY public.file_decision
    ADD CONSTRAINT file_decision_identity PRIMARY KEY (source_id, decision);

ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_of_entry UNIQUE (book_id, number);

ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_key
    ADD CONSTRAINT idempotency_key_identity PRIMARY KEY (merchant, environment, operation, key);

ALTER TABLE ONLY public.loss
    ADD CONSTRAINT loss_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.maturing
    ADD CONSTRAINT maturing_identity UNIQUE NULLS NOT DISTINCT (book_id, currency, source_on, available_on, reserve_until);

ALTER TABLE ONLY public.monthly_limit
    ADD CONSTRAINT monthly_limit_identity PRIMARY KEY (acquirer_id, payer, month, currency);

ALTER TABLE ONLY public.open_item
    ADD CONSTRAINT open_item_identity PRIMARY KEY (book_id, number);

ALTER TABLE ONLY public.payment
    ADD CONSTRAINT payment_identity PRIMARY KEY (payment, book_id);

ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_end_to_end_id UNIQUE (book_id, end_to_end_id);

ALTER TABLE ONLY public.payout_file
    ADD CONSTRAINT payout_file_once UNIQUE (cutoff, ordinal);

ALTER TABLE ONLY public.payout_file
    ADD CONSTRAINT payout_file_pkey PRIMARY KEY (source_id);

ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_once UNIQUE (book_id, currency, cutoff);

ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payout_run
    ADD CONSTRAINT payout_run_is_approved UNIQUE (id, approved);

ALTER TABLE ONLY public.payout_run
    ADD CONSTRAINT payout_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.period
    ADD CONSTRAINT period_through PRIMARY KEY (through);

ALTER TABLE ONLY public.record_type
    ADD CONSTRAINT record_type_name UNIQUE (name);

ALTER TABLE ONLY public.record_type
    ADD CONSTRAINT record_type_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reserve_tranche
    ADD CONSTRAINT reserve_tranche_identity PRIMARY KEY (book_id, currency, source_on, release_on);

ALTER TABLE ONLY public.settings_version
    ADD CONSTRAINT settings_version_effective_from UNIQUE (effective_from);

ALTER TABLE ONLY public.settings_version
    ADD CONSTRAINT settings_version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.settlement_balance
    ADD CONSTRAINT settlement_balance_identity PRIMARY KEY (source_id, account, currency, begins_at);

ALTER TABLE ONLY public.settlement_batch
    ADD CONSTRAINT settlement_batch_identity PRIMARY KEY (source_id, batch, currency);

ALTER TABLE ONLY public.settlement_file
    ADD CONSTRAINT settlement_file_pkey PRIMARY KEY (source_id);

ALTER TABLE ONLY public.settlement_line
    ADD CONSTRAINT settlement_line_identity PRIMARY KEY (source_id, ordinal);

ALTER TABLE ONLY public.settlement_match
    ADD CONSTRAINT settlement_match_identity PRIMARY KEY (source_id, ordinal, book_id, number, round);

ALTER TABLE ONLY public.settlement_reject
    ADD CONSTRAINT settlement_reject_identity PRIMARY KEY (source_id, place);

ALTER TABLE ONLY public.settlement_reserve
    ADD CONSTRAINT settlement_reserve_identity PRIMARY KEY (source_id, book_id, currency, source_on, release_on);

ALTER TABLE ONLY public.settlement_return
    ADD CONSTRAINT settlement_return_identity PRIMARY KEY (source_id, ordinal);

ALTER TABLE ONLY public.source
    ADD CONSTRAINT source_digest UNIQUE (kind, digest, run);

ALTER TABLE ONLY public.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tolerated
    ADD CONSTRAINT tolerated_identity PRIMARY KEY (source_id, currency);

ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_identity PRIMARY KEY (book_id, entry_number, ordinal);

ALTER TABLE ONLY public.velocity_activity
    ADD CONSTRAINT velocity_activity_identity PRIMARY KEY (book_id, occurred_at, number);

ALTER TABLE ONLY public.velocity_decision
    ADD CONSTRAINT velocity_decision_once UNIQUE NULLS NOT DISTINCT (book_id, reference, fingerprint, rule);

ALTER TABLE ONLY public.worker_task
    ADD CONSTRAINT worker_task_identity PRIMARY KEY (name);

CREATE UNIQUE INDEX adjustment_of_entry ON public.adjustment USING btree (book_id, number) WHERE (number IS NOT NULL);

CREATE INDEX adjustment_proposed ON public.adjustment USING btree (book_id) WHERE (state = 'proposed'::text);

CREATE INDEX bank_entry_reference ON public.bank_entry USING btree (bank_reference) WHERE (bank_reference IS NOT NULL);

CREATE INDEX bank_match_of_batch ON public.bank_match USING btree (acquirer_id, batch, currency) WHERE (kind = 'receipt'::text);

CREATE INDEX bank_match_of_entry ON public.bank_match USING btree (book_id, number);

CREATE INDEX bank_match_swept ON public.bank_match USING btree (currency) WHERE (kind = 'sweep'::text);

CREATE INDEX bank_statement_of_account ON public.bank_statement USING btree (account, currency, until_on);

CREATE UNIQUE INDEX bank_statement_once ON public.bank_statement USING btree (account, currency, until_on, content) WHERE (state = 'booked'::text);

CREATE INDEX break_batch_of_batch ON public.break_batch USING btree (acquirer_id, batch, currency);

CREATE INDEX break_entry_of_proposal ON public.break_entry USING btree (proposal_id);

CREATE INDEX break_of_entry ON public.break USING btree (book_id, number) WHERE (book_id IS NOT NULL);

CREATE UNIQUE INDEX break_once_per_file ON public.break USING btree (source_id, class, detail) WHERE ((ordinal IS NULL) AND (book_id IS NULL));

CREATE UNIQUE INDEX break_once_per_line ON public.break USING btree (source_id, ordinal, class) WHERE ((ordinal IS NOT NULL) AND (resolution IS DISTINCT FROM 'undone'::text));

CREATE UNIQUE INDEX break_once_per_missing_item ON public.break USING btree (book_id, number) WHERE ((class = 'MISSING_IN_FILE'::text) AND (state <> 'resolved'::text));

CREATE UNIQUE INDEX break_proposal_executed_once ON public.break_proposal USING btree (break_id) WHERE (state = 'executed'::text);

CREATE INDEX break_proposal_of_plan ON public.break_proposal USING btree (plan);

CREATE INDEX break_proposal_recovers ON public.break_proposal USING btree (recovers) WHERE (recovers IS NOT NULL);

CREATE UNIQUE INDEX break_proposal_waiting_once ON public.break_proposal USING btree (break_id) WHERE (state = 'waiting'::text);

CREATE INDEX break_step_of_break ON public.break_step USING btree (break_id, id);

CREATE INDEX break_unidentified ON public.break USING btree (suspense_number) WHERE ((class = 'UNIDENTIFIED_RECEIPT'::text) AND (state <> 'resolved'::text));

CREATE INDEX entry_booking_date ON public.entry USING brin (booking_date);

CREATE UNIQUE INDEX entry_natural_key ON public.entry USING btree (book_id, natural_key) WHERE (natural_key IS NOT NULL);

CREATE INDEX entry_of_availability ON public.entry USING btree (book_id, number) WHERE (kind = ANY (ARRAY[22, 24]));

CREATE INDEX entry_of_dispute ON public.entry USING btree (book_id, number) WHERE (kind = ANY (ARRAY[6, 7, 16, 34]));

CREATE INDEX entry_of_payment ON public.entry USING btree (book_id, payment) WHERE (kind = ANY (ARRAY[4, 13, 14]));

CREATE INDEX entry_of_settlement ON public.entry USING btree (source_id) WHERE (kind = ANY (ARRAY[10, 11, 12, 30]));

CREATE INDEX entry_on_bank ON public.entry USING btree (booking_date) WHERE (kind = ANY (ARRAY[15, 19, 21, 38]));

CREATE UNIQUE INDEX entry_reversed_once ON public.entry USING btree (book_id, reverses) WHERE (reverses IS NOT NULL);

CREATE INDEX hold_expires_on ON public.hold USING btree (expires_on) WHERE ((released IS NULL) AND (expires_on IS NOT NULL));

CREATE INDEX hold_open ON public.hold USING btree (book_id) WHERE (released IS NULL);

CREATE INDEX idempotency_key_expires_at ON public.idempotency_key USING btree (expires_at);

CREATE UNIQUE INDEX loss_of_entry ON public.loss USING btree (book_id, number) WHERE (number IS NOT NULL);

CREATE UNIQUE INDEX loss_waiting ON public.loss USING btree (book_id, currency) WHERE (state = 'planned'::text);

CREATE INDEX maturing_available_on ON public.maturing USING btree (available_on);

CREATE INDEX open_item_advanced_in ON public.open_item USING btree (currency) WHERE (advanced IS NOT NULL);

CREATE INDEX payment_expires_at ON public.payment USING btree (expires_at) WHERE ((expires_at IS NOT NULL) AND ((((captured - over_captured) + voided) + expired) < authorized));

CREATE INDEX payment_merchant_reference ON public.payment USING btree (merchant_reference, book_id) WHERE (merchant_reference IS NOT NULL);

CREATE INDEX payment_unknown ON public.payment USING btree (book_id, payment) WHERE ((authorized IS NULL) AND (requested IS NOT NULL));

CREATE INDEX payout_cutoff ON public.payout USING btree (cutoff);

CREATE INDEX payout_file_id ON public.payout USING btree (file_id) WHERE (file_id IS NOT NULL);

CREATE INDEX payout_returns ON public.payout USING btree (book_id) WHERE (state = 'returned'::text);

CREATE INDEX payout_run_id ON public.payout USING btree (run_id) WHERE (run_id IS NOT NULL);

CREATE UNIQUE INDEX payout_run_waiting_once ON public.payout_run USING btree (cutoff) WHERE (state = 'waiting'::text);

CREATE INDEX payout_waiting ON public.payout USING btree (cutoff) WHERE (state = ANY (ARRAY['planned'::text, 'approved'::text]));

CREATE INDEX reserve_tranche_due ON public.reserve_tranche USING btree (release_on) WHERE ((released + applied) < withheld);

CREATE INDEX settlement_balance_of_account ON public.settlement_balance USING btree (acquirer_id, account, currency, ends_at);

CREATE INDEX settlement_batch_name ON public.settlement_batch USING btree (batch);

CREATE INDEX settlement_line_arn ON public.settlement_line USING btree (arn) WHERE ((arn IS NOT NULL) AND (acquirer_reference IS NULL));

CREATE INDEX settlement_line_reference ON public.settlement_line USING btree (acquirer_reference) WHERE (acquirer_reference IS NOT NULL);

CREATE INDEX velocity_activity_of_payer ON public.velocity_activity USING btree (payer, occurred_at) WHERE (payer IS NOT NULL);

CREATE INDEX velocity_decision_hold ON public.velocity_decision USING btree (book_id, payment) WHERE ((action = 'hold'::text) AND (number IS NOT NULL));

CREATE TRIGGER account_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.account FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.account ENABLE ALWAYS TRIGGER account_append_only;

CREATE TRIGGER acquirer_invoice_kept BEFORE DELETE OR TRUNCATE ON public.acquirer_invoice FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.acquirer_invoice ENABLE ALWAYS TRIGGER acquirer_invoice_kept;

CREATE TRIGGER bank_entry_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.bank_entry FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.bank_entry ENABLE ALWAYS TRIGGER bank_entry_append_only;

CREATE TRIGGER bank_file_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.bank_file FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.bank_file ENABLE ALWAYS TRIGGER bank_file_append_only;

CREATE TRIGGER bank_match_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.bank_match FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.bank_match ENABLE ALWAYS TRIGGER bank_match_append_only;

CREATE TRIGGER bank_reject_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.bank_reject FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.bank_reject ENABLE ALWAYS TRIGGER bank_reject_append_only;

CREATE TRIGGER bank_statement_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.bank_statement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.bank_statement ENABLE ALWAYS TRIGGER bank_statement_append_only;

CREATE TRIGGER bank_suspended_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.bank_suspended FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.bank_suspended ENABLE ALWAYS TRIGGER bank_suspended_append_only;

CREATE TRIGGER break_batch_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.break_batch FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break_batch ENABLE ALWAYS TRIGGER break_batch_append_only;

CREATE TRIGGER break_entry_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.break_entry FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break_entry ENABLE ALWAYS TRIGGER break_entry_append_only;

CREATE TRIGGER break_kept BEFORE DELETE OR TRUNCATE ON public.break FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break ENABLE ALWAYS TRIGGER break_kept;

CREATE TRIGGER break_match_kept BEFORE DELETE OR TRUNCATE ON public.break_match FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break_match ENABLE ALWAYS TRIGGER break_match_kept;

CREATE TRIGGER break_proposal_kept BEFORE DELETE OR TRUNCATE ON public.break_proposal FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break_proposal ENABLE ALWAYS TRIGGER break_proposal_kept;

CREATE TRIGGER break_reason_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.break_reason FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break_reason ENABLE ALWAYS TRIGGER break_reason_append_only;

CREATE TRIGGER break_reserve_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.break_reserve FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break_reserve ENABLE ALWAYS TRIGGER break_reserve_append_only;

CREATE TRIGGER break_step_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.break_step FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.break_step ENABLE ALWAYS TRIGGER break_step_append_only;

CREATE TRIGGER calendar_version_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.calendar_version FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.calendar_version ENABLE ALWAYS TRIGGER calendar_version_append_only;

CREATE TRIGGER cost_claim_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.cost_claim FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.cost_claim ENABLE ALWAYS TRIGGER cost_claim_append_only;

CREATE TRIGGER cost_sum_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.cost_sum FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.cost_sum ENABLE ALWAYS TRIGGER cost_sum_append_only;

CREATE TRIGGER entry_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.entry FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.entry ENABLE ALWAYS TRIGGER entry_append_only;

CREATE TRIGGER file_decision_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.file_decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.file_decision ENABLE ALWAYS TRIGGER file_decision_append_only;

CREATE TRIGGER idempotency_key_kept BEFORE DELETE OR UPDATE ON public.idempotency_key FOR EACH ROW EXECUTE FUNCTION public.keep_until_expiry();

ALTER TABLE public.idempotency_key ENABLE ALWAYS TRIGGER idempotency_key_kept;

CREATE TRIGGER payout_kept BEFORE DELETE OR TRUNCATE ON public.payout FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.payout ENABLE ALWAYS TRIGGER payout_kept;

CREATE TRIGGER payout_run_kept BEFORE DELETE OR TRUNCATE ON public.payout_run FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.payout_run ENABLE ALWAYS TRIGGER payout_run_kept;

CREATE TRIGGER period_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.period FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.period ENABLE ALWAYS TRIGGER period_append_only;

CREATE TRIGGER settings_version_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settings_version FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settings_version ENABLE ALWAYS TRIGGER settings_version_append_only;

CREATE TRIGGER settlement_balance_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_balance FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_balance ENABLE ALWAYS TRIGGER settlement_balance_append_only;

CREATE TRIGGER settlement_batch_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_batch FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_batch ENABLE ALWAYS TRIGGER settlement_batch_append_only;

CREATE TRIGGER settlement_file_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_file FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_file ENABLE ALWAYS TRIGGER settlement_file_append_only;

CREATE TRIGGER settlement_line_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_line FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_line ENABLE ALWAYS TRIGGER settlement_line_append_only;

CREATE TRIGGER settlement_match_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_match FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_match ENABLE ALWAYS TRIGGER settlement_match_append_only;

CREATE TRIGGER settlement_reject_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_reject FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_reject ENABLE ALWAYS TRIGGER settlement_reject_append_only;

CREATE TRIGGER settlement_reserve_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_reserve FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_reserve ENABLE ALWAYS TRIGGER settlement_reserve_append_only;

CREATE TRIGGER settlement_return_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.settlement_return FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.settlement_return ENABLE ALWAYS TRIGGER settlement_return_append_only;

CREATE TRIGGER source_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.source FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.source ENABLE ALWAYS TRIGGER source_append_only;

CREATE TRIGGER tolerated_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.tolerated FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.tolerated ENABLE ALWAYS TRIGGER tolerated_append_only;

CREATE TRIGGER transfer_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.transfer FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.transfer ENABLE ALWAYS TRIGGER transfer_append_only;

CREATE TRIGGER velocity_decision_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.velocity_decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.velocity_decision ENABLE ALWAYS TRIGGER velocity_decision_append_only;

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_code_fkey FOREIGN KEY (code) REFERENCES public.account_code(number);

ALTER TABLE ONLY public.acquirer_invoice
    ADD CONSTRAINT acquirer_invoice_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.aggregate
    ADD CONSTRAINT aggregate_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.balance
    ADD CONSTRAINT balance_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.bank_file
    ADD CONSTRAINT bank_file_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.source(id);

ALTER TABLE ONLY public.bank_match
    ADD CONSTRAINT bank_match_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.bank_match
    ADD CONSTRAINT bank_match_entry FOREIGN KEY (source_id, ordinal) REFERENCES public.bank_entry(source_id, ordinal);

ALTER TABLE ONLY public.bank_statement
    ADD CONSTRAINT bank_statement_code_fkey FOREIGN KEY (code) REFERENCES public.account_code(number);

ALTER TABLE ONLY public.bank_suspended
    ADD CONSTRAINT bank_suspended_of_entry FOREIGN KEY (source_id, ordinal) REFERENCES public.bank_entry(source_id, ordinal);

ALTER TABLE ONLY public.break
    ADD CONSTRAINT break_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.break_batch
    ADD CONSTRAINT break_batch_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.break_batch
    ADD CONSTRAINT break_batch_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES public.break_proposal(id);

ALTER TABLE ONLY public.break_entry
    ADD CONSTRAINT break_entry_break_id_fkey FOREIGN KEY (break_id) REFERENCES public.break(id);

ALTER TABLE ONLY public.break_entry
    ADD CONSTRAINT break_entry_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES public.break_proposal(id);

ALTER TABLE ONLY public.break
    ADD CONSTRAINT break_found_in_fkey FOREIGN KEY (found_in) REFERENCES public.source(id);

ALTER TABLE ONLY public.break_match
    ADD CONSTRAINT break_match_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES public.break_proposal(id);

ALTER TABLE ONLY public.break_proposal
    ADD CONSTRAINT break_proposal_break_id_fkey FOREIGN KEY (break_id) REFERENCES public.break(id);

ALTER TABLE ONLY public.break_proposal
    ADD CONSTRAINT break_proposal_reason FOREIGN KEY (reason, resolution) REFERENCES public.break_reason(name, resolution);

ALTER TABLE ONLY public.break_proposal
    ADD CONSTRAINT break_proposal_recovers_fkey FOREIGN KEY (recovers) REFERENCES public.break(id);

ALTER TABLE ONLY public.break_reserve
    ADD CONSTRAINT break_reserve_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES public.break_proposal(id);

ALTER TABLE ONLY public.break
    ADD CONSTRAINT break_resolved_by FOREIGN KEY (proposal_id) REFERENCES public.break_proposal(id);

ALTER TABLE ONLY public.break_step
    ADD CONSTRAINT break_step_break_id_fkey FOREIGN KEY (break_id) REFERENCES public.break(id);

ALTER TABLE ONLY public.break_step
    ADD CONSTRAINT break_step_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES public.break_proposal(id);

ALTER TABLE ONLY public.cost_claim
    ADD CONSTRAINT cost_claim_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.cost_claim
    ADD CONSTRAINT cost_claim_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES public.break_proposal(id);

ALTER TABLE ONLY public.cost_claim
    ADD CONSTRAINT cost_claim_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.source(id);

ALTER TABLE ONLY public.file_decision
    ADD CONSTRAINT file_decision_presented FOREIGN KEY (source_id, presented, presented_by) REFERENCES public.file_decision(source_id, decision, decided_by);

ALTER TABLE ONLY public.file_decision
    ADD CONSTRAINT file_decision_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.source(id);

ALTER TABLE ONLY public.file_decision
    ADD CONSTRAINT file_decision_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.settlement_file(source_id);

ALTER TABLE ONLY public.file_decision
    ADD CONSTRAINT file_decision_superseded_by_fkey FOREIGN KEY (superseded_by) REFERENCES public.settlement_file(source_id);

ALTER TABLE ONLY public.loss
    ADD CONSTRAINT loss_recovers_fkey FOREIGN KEY (recovers) REFERENCES public.loss(id);

ALTER TABLE ONLY public.monthly_limit
    ADD CONSTRAINT monthly_limit_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_file_id_fkey FOREIGN KEY (file_id) REFERENCES public.source(id);

ALTER TABLE ONLY public.payout_file
    ADD CONSTRAINT payout_file_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.source(id);

ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_of_approved_run FOREIGN KEY (run_id, approved) REFERENCES public.payout_run(id, approved);

ALTER TABLE ONLY public.payout
    ADD CONSTRAINT payout_of_run FOREIGN KEY (run_id) REFERENCES public.payout_run(id);

ALTER TABLE ONLY public.settlement_balance
    ADD CONSTRAINT settlement_balance_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.settlement_file
    ADD CONSTRAINT settlement_file_acquirer_id_fkey FOREIGN KEY (acquirer_id) REFERENCES public.acquirer(id);

ALTER TABLE ONLY public.settlement_file
    ADD CONSTRAINT settlement_file_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.source(id);

GRANT SELECT,INSERT ON TABLE public.break_entry TO acquit_runtime;
GRANT SELECT ON TABLE public.break_entry TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.entry TO acquit_runtime;
GRANT SELECT ON TABLE public.entry TO acquit_auditor;

GRANT SELECT ON TABLE public.file_decision TO acquit_runtime;
GRANT SELECT ON TABLE public.file_decision TO acquit_auditor;

GRANT INSERT(source_id) ON TABLE public.file_decision TO acquit_runtime;

GRANT INSERT(decision) ON TABLE public.file_decision TO acquit_runtime;

GRANT INSERT(decided_by) ON TABLE public.file_decision TO acquit_runtime;

GRANT INSERT(reason) ON TABLE public.file_decision TO acquit_runtime;

GRANT INSERT(presented_by) ON TABLE public.file_decision TO acquit_runtime;

GRANT INSERT(superseded_by) ON TABLE public.file_decision TO acquit_runtime;

GRANT INSERT(run_id) ON TABLE public.file_decision TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.settlement_file TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_file TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.bank_match TO acquit_runtime;
GRANT SELECT ON TABLE public.bank_match TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.break_batch TO acquit_runtime;
GRANT SELECT ON TABLE public.break_batch TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.settlement_batch TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_batch TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.settlement_line TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_line TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.settlement_return TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_return TO acquit_auditor;

GRANT SELECT ON TABLE public.hold TO acquit_runtime;
GRANT SELECT ON TABLE public.hold TO acquit_auditor;

GRANT INSERT(book_id) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(exponent) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(amount) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(reason) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(owner) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(placed_on) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(expires_on) ON TABLE public.hold TO acquit_runtime;

GRANT INSERT(number) ON TABLE public.hold TO acquit_runtime;

GRANT UPDATE(released) ON TABLE public.hold TO acquit_runtime;

GRANT UPDATE(released_by) ON TABLE public.hold TO acquit_runtime;

GRANT SELECT ON TABLE public.account TO acquit_runtime;
GRANT SELECT ON TABLE public.account TO acquit_auditor;

GRANT INSERT(code) ON TABLE public.account TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.account TO acquit_runtime;

GRANT INSERT(exponent) ON TABLE public.account TO acquit_runtime;

GRANT INSERT(dimension) ON TABLE public.account TO acquit_runtime;

GRANT SELECT ON TABLE public.account_code TO acquit_runtime;
GRANT SELECT ON TABLE public.account_code TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.accrual TO acquit_runtime;
GRANT SELECT ON TABLE public.accrual TO acquit_auditor;

GRANT UPDATE(exact) ON TABLE public.accrual TO acquit_runtime;

GRANT UPDATE(posted) ON TABLE public.accrual TO acquit_runtime;

GRANT UPDATE(vat_posted) ON TABLE public.accrual TO acquit_runtime;

GRANT SELECT ON TABLE public.acquirer TO acquit_runtime;
GRANT SELECT ON TABLE public.acquirer TO acquit_auditor;

GRANT INSERT(name),UPDATE(name) ON TABLE public.acquirer TO acquit_runtime;

GRANT SELECT ON TABLE public.acquirer_invoice TO acquit_runtime;
GRANT SELECT ON TABLE public.acquirer_invoice TO acquit_auditor;

GRANT INSERT(acquirer_id) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(invoice) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(month) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(interchange) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(scheme_fee) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(markup) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(vat) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(expected) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(booked_on) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(booked_by) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT INSERT(number) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT UPDATE(paid_on) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT UPDATE(paid_by) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT UPDATE(payment) ON TABLE public.acquirer_invoice TO acquit_runtime;

GRANT SELECT ON TABLE public.adjustment TO acquit_runtime;
GRANT SELECT ON TABLE public.adjustment TO acquit_auditor;

GRANT INSERT(book_id) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(reference) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(exponent) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(amount) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(reason) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(evidence) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(note) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(proposed_on) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(proposed_by) ON TABLE public.adjustment TO acquit_runtime;

GRANT INSERT(content) ON TABLE public.adjustment TO acquit_runtime;

GRANT UPDATE(state) ON TABLE public.adjustment TO acquit_runtime;

GRANT UPDATE(decided_on) ON TABLE public.adjustment TO acquit_runtime;

GRANT UPDATE(decided_by) ON TABLE public.adjustment TO acquit_runtime;

GRANT UPDATE(decided) ON TABLE public.adjustment TO acquit_runtime;

GRANT UPDATE(rejection) ON TABLE public.adjustment TO acquit_runtime;

GRANT UPDATE(number) ON TABLE public.adjustment TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.aggregate TO acquit_runtime;
GRANT SELECT ON TABLE public.aggregate TO acquit_auditor;

GRANT UPDATE(items) ON TABLE public.aggregate TO acquit_runtime;

GRANT UPDATE(gross) ON TABLE public.aggregate TO acquit_runtime;

GRANT UPDATE(merchant_fee) ON TABLE public.aggregate TO acquit_runtime;

GRANT UPDATE(reserve) ON TABLE public.aggregate TO acquit_runtime;

GRANT UPDATE(passes_costs) ON TABLE public.aggregate TO acquit_runtime;

GRANT UPDATE(costs_vat) ON TABLE public.aggregate TO acquit_runtime;

GRANT UPDATE(closed) ON TABLE public.aggregate TO acquit_runtime;

GRANT SELECT ON TABLE public.break_proposal TO acquit_runtime;
GRANT SELECT ON TABLE public.break_proposal TO acquit_auditor;

GRANT INSERT(break_id) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(round) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(plan) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(request) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(resolution) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(reason) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(note) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(evidence) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(merchant) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(recovers) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(quiet_until) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(amount) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(approvers) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(finance_heads) ON TABLE public.break_proposal TO acquit_runtime;

GRANT UPDATE(item) ON TABLE public.break_proposal TO acquit_runtime;

GRANT UPDATE(withheld) ON TABLE public.break_proposal TO acquit_runtime;

GRANT INSERT(proposed_by) ON TABLE public.break_proposal TO acquit_runtime;

GRANT UPDATE(state) ON TABLE public.break_proposal TO acquit_runtime;

GRANT UPDATE(first_approver) ON TABLE public.break_proposal TO acquit_runtime;

GRANT UPDATE(second_approver) ON TABLE public.break_proposal TO acquit_runtime;

GRANT SELECT ON TABLE public.settlement_file_state TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_file_state TO acquit_auditor;

GRANT SELECT ON TABLE public.awaited TO acquit_runtime;
GRANT SELECT ON TABLE public.awaited TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.balance TO acquit_runtime;
GRANT SELECT ON TABLE public.balance TO acquit_auditor;

GRANT UPDATE(debits) ON TABLE public.balance TO acquit_runtime;

GRANT UPDATE(credits) ON TABLE public.balance TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.bank_entry TO acquit_runtime;
GRANT SELECT ON TABLE public.bank_entry TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.bank_file TO acquit_runtime;
GRANT SELECT ON TABLE public.bank_file TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.bank_reject TO acquit_runtime;
GRANT SELECT ON TABLE public.bank_reject TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.bank_statement TO acquit_runtime;
GRANT SELECT ON TABLE public.bank_statement TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.bank_suspended TO acquit_runtime;
GRANT SELECT ON TABLE public.bank_suspended TO acquit_auditor;

GRANT SELECT ON TABLE public.book TO acquit_runtime;
GRANT SELECT ON TABLE public.book TO acquit_auditor;

GRANT INSERT(merchant) ON TABLE public.book TO acquit_runtime;

GRANT UPDATE(number) ON TABLE public.book TO acquit_runtime;

GRANT UPDATE(hash) ON TABLE public.book TO acquit_runtime;

GRANT SELECT ON TABLE public.break TO acquit_runtime;
GRANT SELECT ON TABLE public.break TO acquit_auditor;

GRANT INSERT(class) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(acquirer_id) ON TABLE public.break TO acquit_runtime;

GRANT UPDATE(state) ON TABLE public.break TO acquit_runtime;

GRANT UPDATE(resolution) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(source_id) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(ordinal) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(book_id) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(number) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(expected) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(expected_in) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(actual) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(actual_in) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(suspense_number) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(kept_pending) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(found_in) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(expected_on) ON TABLE public.break TO acquit_runtime;

GRANT INSERT(detail) ON TABLE public.break TO acquit_runtime;

GRANT UPDATE(owner) ON TABLE public.break TO acquit_runtime;

GRANT UPDATE(proposal_id) ON TABLE public.break TO acquit_runtime;

GRANT UPDATE(quiet_until) ON TABLE public.break TO acquit_runtime;

GRANT SELECT ON TABLE public.break_match TO acquit_runtime;
GRANT SELECT ON TABLE public.break_match TO acquit_auditor;

GRANT INSERT(proposal_id) ON TABLE public.break_match TO acquit_runtime;

GRANT INSERT(book_id) ON TABLE public.break_match TO acquit_runtime;

GRANT INSERT(number) ON TABLE public.break_match TO acquit_runtime;

GRANT UPDATE(item) ON TABLE public.break_match TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.transfer TO acquit_runtime;
GRANT SELECT ON TABLE public.transfer TO acquit_auditor;

GRANT SELECT ON TABLE public.break_money TO acquit_runtime;
GRANT SELECT ON TABLE public.break_money TO acquit_auditor;

GRANT SELECT ON TABLE public.break_reason TO acquit_runtime;
GRANT SELECT ON TABLE public.break_reason TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.break_reserve TO acquit_runtime;
GRANT SELECT ON TABLE public.break_reserve TO acquit_auditor;

GRANT SELECT ON TABLE public.break_step TO acquit_runtime;
GRANT SELECT ON TABLE public.break_step TO acquit_auditor;

GRANT INSERT(break_id) ON TABLE public.break_step TO acquit_runtime;

GRANT INSERT(what) ON TABLE public.break_step TO acquit_runtime;

GRANT INSERT(by) ON TABLE public.break_step TO acquit_runtime;

GRANT INSERT(owner) ON TABLE public.break_step TO acquit_runtime;

GRANT INSERT(note) ON TABLE public.break_step TO acquit_runtime;

GRANT INSERT(evidence) ON TABLE public.break_step TO acquit_runtime;

GRANT INSERT(proposal_id) ON TABLE public.break_step TO acquit_runtime;

GRANT SELECT ON TABLE public.calendar_version TO acquit_runtime;
GRANT SELECT ON TABLE public.calendar_version TO acquit_auditor;

GRANT INSERT(name) ON TABLE public.calendar_version TO acquit_runtime;

GRANT INSERT(number) ON TABLE public.calendar_version TO acquit_runtime;

GRANT INSERT(digest) ON TABLE public.calendar_version TO acquit_runtime;

GRANT INSERT(content) ON TABLE public.calendar_version TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.cost_claim TO acquit_runtime;
GRANT SELECT ON TABLE public.cost_claim TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.cost_sum TO acquit_runtime;
GRANT SELECT ON TABLE public.cost_sum TO acquit_auditor;

GRANT SELECT ON TABLE public.entry_kind TO acquit_runtime;
GRANT SELECT ON TABLE public.entry_kind TO acquit_auditor;

GRANT SELECT,DELETE ON TABLE public.idempotency_key TO acquit_runtime;
GRANT SELECT ON TABLE public.idempotency_key TO acquit_auditor;

GRANT INSERT(merchant) ON TABLE public.idempotency_key TO acquit_runtime;

GRANT INSERT(environment) ON TABLE public.idempotency_key TO acquit_runtime;

GRANT INSERT(operation) ON TABLE public.idempotency_key TO acquit_runtime;

GRANT INSERT(key) ON TABLE public.idempotency_key TO acquit_runtime;

GRANT INSERT(fingerprint) ON TABLE public.idempotency_key TO acquit_runtime;

GRANT INSERT(status) ON TABLE public.idempotency_key TO acquit_runtime;

GRANT INSERT(body) ON TABLE public.idempotency_key TO acquit_runtime;

GRANT SELECT ON TABLE public.loss TO acquit_runtime;
GRANT SELECT ON TABLE public.loss TO acquit_auditor;

GRANT INSERT(book_id) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(exponent) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(amount) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(recovers) ON TABLE public.loss TO acquit_runtime;

GRANT UPDATE(recovered) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(reason) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(note) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(planned_on) ON TABLE public.loss TO acquit_runtime;

GRANT INSERT(planned_by) ON TABLE public.loss TO acquit_runtime;

GRANT UPDATE(state) ON TABLE public.loss TO acquit_runtime;

GRANT UPDATE(approved_by) ON TABLE public.loss TO acquit_runtime;

GRANT UPDATE(number) ON TABLE public.loss TO acquit_runtime;

GRANT SELECT,INSERT,DELETE ON TABLE public.maturing TO acquit_runtime;
GRANT SELECT ON TABLE public.maturing TO acquit_auditor;

GRANT UPDATE(payable) ON TABLE public.maturing TO acquit_runtime;

GRANT UPDATE(reserve) ON TABLE public.maturing TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.monthly_limit TO acquit_runtime;
GRANT SELECT ON TABLE public.monthly_limit TO acquit_auditor;

GRANT UPDATE(held) ON TABLE public.monthly_limit TO acquit_runtime;

GRANT UPDATE(kept) ON TABLE public.monthly_limit TO acquit_runtime;

GRANT SELECT,INSERT,DELETE ON TABLE public.open_item TO acquit_runtime;
GRANT SELECT ON TABLE public.open_item TO acquit_auditor;

GRANT UPDATE(merchant_fee) ON TABLE public.open_item TO acquit_runtime;

GRANT UPDATE(reserve) ON TABLE public.open_item TO acquit_runtime;

GRANT UPDATE(matures) ON TABLE public.open_item TO acquit_runtime;

GRANT UPDATE(reserve_until) ON TABLE public.open_item TO acquit_runtime;

GRANT UPDATE(advanced) ON TABLE public.open_item TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.payment TO acquit_runtime;
GRANT SELECT ON TABLE public.payment TO acquit_auditor;

GRANT UPDATE(acquirer_id) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(currency) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(requested) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(authorized) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(captured) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(over_captured) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(voided) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(expired) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(refunded) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(charged_back) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(fee_returnable) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(vat_returnable) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(fee_returned) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(vat_returned) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(accrued) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(dispute_fee) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(dispute_vat) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(unpaid) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(expires_at) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(captured_at) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(earlier_captures) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(final_captures) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(limit_month) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(method) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(scheme) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(card_country) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(payer) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(category) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(rrn) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(auth_code) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(card) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(merchant_reference) ON TABLE public.payment TO acquit_runtime;

GRANT UPDATE(refunds) ON TABLE public.payment TO acquit_runtime;

GRANT SELECT ON TABLE public.payout TO acquit_runtime;
GRANT SELECT ON TABLE public.payout TO acquit_auditor;

GRANT INSERT(book_id) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(exponent) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(cutoff) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(amount) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(fee) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(vat) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(state) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(end_to_end_id) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(holder) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(destination) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(bank) ON TABLE public.payout TO acquit_runtime;

GRANT INSERT(planned_by) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(run_id) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(file_id) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(instruction) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(confirmation) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(unknown_on) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(unknown_by) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(unknown_note) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(returned_on) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(returned_by) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(return_reason) ON TABLE public.payout TO acquit_runtime;

GRANT UPDATE(return_entry) ON TABLE public.payout TO acquit_runtime;

GRANT SELECT ON TABLE public.payout_file TO acquit_runtime;
GRANT SELECT ON TABLE public.payout_file TO acquit_auditor;

GRANT INSERT(source_id) ON TABLE public.payout_file TO acquit_runtime;

GRANT INSERT(cutoff) ON TABLE public.payout_file TO acquit_runtime;

GRANT INSERT(ordinal) ON TABLE public.payout_file TO acquit_runtime;

GRANT INSERT(format) ON TABLE public.payout_file TO acquit_runtime;

GRANT INSERT(execute_on) ON TABLE public.payout_file TO acquit_runtime;

GRANT UPDATE(written) ON TABLE public.payout_file TO acquit_runtime;

GRANT UPDATE(sent_on) ON TABLE public.payout_file TO acquit_runtime;

GRANT UPDATE(sent_by) ON TABLE public.payout_file TO acquit_runtime;

GRANT SELECT ON TABLE public.payout_run TO acquit_runtime;
GRANT SELECT ON TABLE public.payout_run TO acquit_auditor;

GRANT INSERT(cutoff) ON TABLE public.payout_run TO acquit_runtime;

GRANT INSERT(plan) ON TABLE public.payout_run TO acquit_runtime;

GRANT INSERT(planners) ON TABLE public.payout_run TO acquit_runtime;

GRANT INSERT(approvers) ON TABLE public.payout_run TO acquit_runtime;

GRANT INSERT(finance_heads) ON TABLE public.payout_run TO acquit_runtime;

GRANT UPDATE(first_approver) ON TABLE public.payout_run TO acquit_runtime;

GRANT UPDATE(second_approver) ON TABLE public.payout_run TO acquit_runtime;

GRANT UPDATE(state) ON TABLE public.payout_run TO acquit_runtime;

GRANT SELECT ON TABLE public.period TO acquit_runtime;
GRANT SELECT ON TABLE public.period TO acquit_auditor;

GRANT INSERT(through) ON TABLE public.period TO acquit_runtime;

GRANT INSERT(note) ON TABLE public.period TO acquit_runtime;

GRANT INSERT(trial_balance) ON TABLE public.period TO acquit_runtime;

GRANT INSERT(closed_by) ON TABLE public.period TO acquit_runtime;

GRANT SELECT ON TABLE public.record_type TO acquit_runtime;
GRANT SELECT ON TABLE public.record_type TO acquit_auditor;

GRANT SELECT ON TABLE public.reserve_tranche TO acquit_runtime;
GRANT SELECT ON TABLE public.reserve_tranche TO acquit_auditor;

GRANT INSERT(book_id) ON TABLE public.reserve_tranche TO acquit_runtime;

GRANT INSERT(currency) ON TABLE public.reserve_tranche TO acquit_runtime;

GRANT INSERT(source_on) ON TABLE public.reserve_tranche TO acquit_runtime;

GRANT INSERT(release_on) ON TABLE public.reserve_tranche TO acquit_runtime;

GRANT INSERT(withheld),UPDATE(withheld) ON TABLE public.reserve_tranche TO acquit_runtime;

GRANT UPDATE(released) ON TABLE public.reserve_tranche TO acquit_runtime;

GRANT UPDATE(applied) ON TABLE public.reserve_tranche TO acquit_runtime;

GRANT SELECT ON TABLE public.settings_version TO acquit_runtime;
GRANT SELECT ON TABLE public.settings_version TO acquit_auditor;

GRANT INSERT(effective_from) ON TABLE public.settings_version TO acquit_runtime;

GRANT INSERT(digest) ON TABLE public.settings_version TO acquit_runtime;

GRANT INSERT(content) ON TABLE public.settings_version TO acquit_runtime;

GRANT SELECT,INSERT ON TABLE public.settlement_balance TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_balance TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.settlement_match TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_match TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.settlement_reject TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_reject TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.settlement_reserve TO acquit_runtime;
GRANT SELECT ON TABLE public.settlement_reserve TO acquit_auditor;

GRANT SELECT ON TABLE public.source TO acquit_runtime;
GRANT SELECT ON TABLE public.source TO acquit_auditor;

GRANT INSERT(kind) ON TABLE public.source TO acquit_runtime;

GRANT INSERT(name) ON TABLE public.source TO acquit_runtime;

GRANT INSERT(digest) ON TABLE public.source TO acquit_runtime;

GRANT INSERT(run) ON TABLE public.source TO acquit_runtime;

GRANT SELECT ON TABLE public.standing_match TO acquit_runtime;
GRANT SELECT ON TABLE public.standing_match TO acquit_auditor;

GRANT SELECT ON TABLE public.statement_item TO acquit_runtime;
GRANT SELECT ON TABLE public.statement_item TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.tolerated TO acquit_runtime;
GRANT SELECT ON TABLE public.tolerated TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.velocity_activity TO acquit_runtime;
GRANT SELECT ON TABLE public.velocity_activity TO acquit_auditor;

GRANT SELECT,INSERT ON TABLE public.velocity_decision TO acquit_runtime;
GRANT SELECT ON TABLE public.velocity_decision TO acquit_auditor;

GRANT SELECT ON TABLE public.worker_task TO acquit_runtime;
GRANT SELECT ON TABLE public.worker_task TO acquit_auditor;

GRANT INSERT(name) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(token) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(holder) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(granted_at) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(expires_at) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(ended_at) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(outcome) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(error) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(done_at) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(done_through) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(runs) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(failures) ON TABLE public.worker_task TO acquit_runtime;

GRANT UPDATE(lost) ON TABLE public.worker_task TO acquit_runtime;
