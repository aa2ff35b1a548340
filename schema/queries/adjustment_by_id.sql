-- An adjustment. $1 id.
select adjustment.id, adjustment.book_id, book.merchant, adjustment.reference, adjustment.currency, adjustment.amount, adjustment.reason,
    adjustment.evidence, adjustment.note, adjustment.proposed_on, adjustment.proposed_by, adjustment.content, adjustment.state,
    adjustment.decided_on, adjustment.decided_by, adjustment.rejection, adjustment.number
from adjustment
join book on book.id = adjustment.book_id
where adjustment.id = $1;
