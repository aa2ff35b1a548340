-- What each merchant may be paid: account 2020 now less all that withdrawn captures take back of it at the next release, less what was
-- credited after the cut-off; with the payout of the cut-off, or else the one that waits, which stands in the way. $1 cut-off, $2 code of the account.
with withdrawn as (
    select book_id, currency, -sum(payable)::bigint as amount
    from maturing
    where payable < 0
    group by book_id, currency
), available as (
    select balance.book_id, book.merchant, account.id as account_id, account.currency, account.exponent,
        balance.credits - balance.debits - coalesce(withdrawn.amount, 0) as amount
    from balance
    join account on account.id = balance.account_id and account.code = $2
    join book on book.id = balance.book_id
    left join withdrawn on withdrawn.book_id = balance.book_id and withdrawn.currency = account.currency
    where balance.credits > balance.debits
), later as (
    select transfer.book_id, transfer.credit_account as account_id, sum(transfer.amount)::bigint as amount
    from entry
    join transfer on transfer.book_id = entry.book_id and transfer.entry_number = entry.number
    where entry.booking_date > $1 and transfer.credit_account in (select id from account where code = $2)
    group by transfer.book_id, transfer.credit_account
), known as (
    select distinct on (book_id, currency) book_id, currency, end_to_end_id, cutoff, state
    from payout
    where cutoff = $1 or state in ('planned', 'approved')
    order by book_id, currency, state in ('planned', 'approved') desc, cutoff = $1 desc, cutoff
)
select available.book_id, available.merchant, available.currency, available.exponent,
    available.amount - coalesce(later.amount, 0) as amount,
    known.end_to_end_id as known_id, known.cutoff as known_cutoff, known.state as known_state
from available
left join later on later.book_id = available.book_id and later.account_id = available.account_id
left join known on known.book_id = available.book_id and known.currency = available.currency
where available.amount > coalesce(later.amount, 0)
order by available.merchant, available.currency;
