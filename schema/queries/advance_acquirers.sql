-- Locks the acquirers that have yet to report what a merchant has pending in a currency, so that no file of theirs is matched meanwhile. $1 merchant, $2 currency.
select acquirer.id
from acquirer
where acquirer.id in (
    select open_item.acquirer_id
    from open_item
    join book on book.id = open_item.book_id
    where book.merchant = $1 and open_item.currency = $2 and open_item.record_type = 1 and not open_item.matures
)
order by acquirer.id
for no key update;
