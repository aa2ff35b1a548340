-- What moved 1110 up to a day, by acquirer, currency and by what: files (settlement, and undoing it), receipts, resolutions of each break, payments of
-- each invoice, all else. $1 day.
with moved as (
    select account.dimension as acquirer, account.currency,
        case when entry.kind in (10, 11, 12) then 'file'
             when entry.kind = 41 or paid.proposal_id is not null then 'receipt'
             when entry.kind = 31 then 'resolution'
             when entry.kind = 37 then 'invoice payment'
             when entry.kind = 30 then case undone.kind when 31 then 'resolution' else 'file' end
             else kind.name end as what,
        case when entry.kind = 37 then entry.reference
             when paid.proposal_id is not null then null
             when entry.kind = 31 then entry.details::jsonb ->> 'break'
             when undone.kind = 31 then undone.details::jsonb ->> 'break' end as of,
        case when account.id = transfer.debit_account then transfer.amount else -transfer.amount end as amount
    from account
    join transfer on account.id in (transfer.debit_account, transfer.credit_account)
    join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
    join entry_kind kind on kind.id = entry.kind
    left join entry undone on entry.kind = 30 and undone.book_id = entry.book_id and undone.number = entry.reverses
    left join lateral (
        -- What was in suspense first, and pays a batch: of the entry, or of what it reverses.
        select booked.proposal_id
        from break_entry booked
        where booked.book_id = entry.book_id and booked.number = case entry.kind when 31 then entry.number when 30 then entry.reverses end
            and exists (select from break_batch where break_batch.proposal_id = booked.proposal_id)
    ) paid on true
    where account.code = 1110 and entry.booking_date <= $1
)
select acquirer, currency, what, of, sum(amount)::text as amount
from moved
group by acquirer, currency, what, of
order by acquirer, currency, what, of;
