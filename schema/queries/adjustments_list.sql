-- Adjustments, by merchant and id. $1 merchant, or null for all; $2 whether those that wait for nobody too.
select adjustment.id, adjustment.book_id, book.merchant, adjustment.reference, adjustment.currency, adjustment.amount, adjustment.reason,
    adjustment.evidence, adjustment.note, adjustment.proposed_on, adjustment.proposed_by, adjustment.content, adjustment.state,
    adjustment.decided_on, adjustment.decided_by, adjustment.rejection, adjustment.number
from adjustment
join book on book.id = adjustment.book_id
where ($1::text is null or book.merchant = $1) and ($2::boolean or adjustment.state = 'proposed')
order by book.merchant, adjustment.id;
