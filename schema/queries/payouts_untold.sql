-- Payouts by their end-to-end ids: what they are on the bank account of the books, confirmed ($2 false) or come back ($2 true), and whether a statement has told of it. $1 ids, $2 whether they came back.
select payout.end_to_end_id, payout.book_id, payout.state, payout.currency, payout.amount, entry.number, entry.booking_date,
    exists (select from bank_match told where told.book_id = entry.book_id and told.number = entry.number) as is_told
from payout
left join entry on entry.book_id = payout.book_id and payout.confirmation is not null
    and entry.number = case when $2::boolean then payout.return_entry else payout.confirmation end
where payout.end_to_end_id = any($1::text[])
order by payout.end_to_end_id, payout.book_id;
