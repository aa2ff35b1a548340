-- What settlements that were not undone moved to costs passed on and VAT, beside what their matches say is passed on, by entry and currency. A settlement
-- that is missing has the number 0. $1: a merchant, or null for all; $2: account 4060; $3: account 2300.
with matched as (
    select match.book_id,
           'acquit:settlement ' || acquirer.name || ' ' || left(encode(source.digest, 'hex'), 16) || case when source.run > 1 then '.' || source.run else '' end || ' ' || line.batch as reference,
           line.gross_currency as currency, sum(match.passed_on) as amount, sum(match.passed_on_vat) as vat, count(*) as captures,
           min(capture.payment) as payment, min(file.as_of) as as_of
    from settlement_match match
    join settlement_line line on line.source_id = match.source_id and line.ordinal = match.ordinal
    join settlement_file_state file on file.source_id = match.source_id and file.state = 'booked'
    join source on source.id = match.source_id
    join acquirer on acquirer.id = file.acquirer_id
    join entry capture on capture.book_id = match.book_id and capture.number = match.number
    where match.passed_on is not null
    group by match.book_id, acquirer.name, source.digest, source.run, line.batch, line.gross_currency
), posted as (
    select entry.book_id, entry.reference, debit.currency,
           sum(case when credit.code = $2 then transfer.amount when debit.code = $2 then -transfer.amount else 0 end) as amount,
           sum(case when credit.code = $3 then transfer.amount when debit.code = $3 then -transfer.amount else 0 end) as vat
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    join account debit on debit.id = transfer.debit_account
    join account credit on credit.id = transfer.credit_account
    where entry.kind = 10
      and not exists (select from entry undoing where undoing.book_id = entry.book_id and undoing.reverses = entry.number)
      and (debit.code in ($2, $3) or credit.code in ($2, $3))
    group by entry.book_id, entry.reference, debit.currency
)
select book.id as book_id, book.merchant, coalesce(entry.number, 0) as number, 10::smallint as kind,
       coalesce(entry.happened_on, entry.booking_date, matched.as_of) as booking_date,
       case when matched.captures = 1 then matched.payment end as payment, coalesce(matched.captures, 0) as captures,
       coalesce(matched.currency, posted.currency) as currency,
       coalesce(matched.amount, 0)::text as matched, coalesce(matched.vat, 0)::text as matched_vat,
       coalesce(posted.amount, 0)::text as posted, coalesce(posted.vat, 0)::text as posted_vat
from matched
full join posted
    on posted.book_id = matched.book_id and posted.reference = matched.reference and posted.currency = matched.currency
left join entry
    on entry.book_id = coalesce(matched.book_id, posted.book_id) and entry.reference = coalesce(matched.reference, posted.reference)
join book on book.id = coalesce(matched.book_id, posted.book_id)
where book.merchant is not null
  and ($1::text is null or book.merchant = $1)
order by book.id, coalesce(entry.number, 0), coalesce(matched.currency, posted.currency);
