-- Where cases stand by the latest entry of each, those to be answered first. A case is of its merchant and acquirer, which the
-- natural key of its entries names. $1: a merchant, or null for all; $2: whether those that were given back too.
with stated as (
    select distinct on (entry.book_id, split_part(entry.natural_key, E'\t', 2), split_part(entry.natural_key, E'\t', 3))
           entry.book_id, entry.number, entry.kind, entry.payment, entry.occurred_at, entry.details::jsonb as details,
           split_part(entry.natural_key, E'\t', 2) as acquirer, split_part(entry.natural_key, E'\t', 3) as dispute_case,
           split_part(entry.natural_key, E'\t', 4)::integer as cycle
    from entry
    where entry.kind in (6, 7, 16, 34) and entry.natural_key is not null and split_part(entry.natural_key, E'\t', 3) <> ''
    order by entry.book_id, split_part(entry.natural_key, E'\t', 2), split_part(entry.natural_key, E'\t', 3), entry.number desc
)
select book.merchant, stated.payment, stated.acquirer, stated.dispute_case, stated.cycle, stated.kind, stated.occurred_at, stated.number,
       (stated.details ->> 'respond_by')::timestamptz as respond_by,
       coalesce((stated.details ->> 'amount')::bigint, transfer.amount) as amount,
       coalesce(stated.details ->> 'currency', account.currency) as currency
from stated
join book on book.id = stated.book_id
left join transfer on transfer.book_id = stated.book_id and transfer.entry_number = stated.number and transfer.ordinal = 1
left join account on account.id = transfer.debit_account
where ($1::text is null or book.merchant = $1) and ($2::boolean or stated.kind <> 7)
order by respond_by nulls last, book.merchant, stated.acquirer, stated.dispute_case;
