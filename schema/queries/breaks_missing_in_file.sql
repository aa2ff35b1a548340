-- Open items that the acquirer should have reported by now become breaks, each once, and not where a line of another currency, type
-- or direction reports them or somebody resolved one until a day that has not passed; whatever else is doubted of the item's entry is beside
-- the point. $1 acquirer, $2 source, $3 as of.
insert into break (class, acquirer_id, book_id, number, expected, expected_in, found_in, expected_on, detail)
select 'MISSING_IN_FILE', item.acquirer_id, item.book_id, item.number, item.gross, item.currency, $2, item.expected_on,
    format('expected by %s, not reported', item.expected_on)
from open_item item
where item.acquirer_id = $1 and item.expected_on < $3
    and not exists (
        select from break
        where break.book_id = item.book_id and break.number = item.number
            and (break.state <> 'resolved' or break.quiet_until >= $3)
            and break.class in ('MISSING_IN_FILE', 'CURRENCY_MISMATCH', 'TYPE_MISMATCH', 'SIGN_MISMATCH')
    )
order by item.book_id, item.number;
