-- A loss, or what came back of one. $1 id.
select loss.id, loss.book_id, book.merchant, loss.currency, loss.amount, loss.recovers, loss.recovered, loss.reason, loss.note,
    loss.planned_on, loss.planned_by, loss.state, loss.approved_by, loss.number
from loss
join book on book.id = loss.book_id
where loss.id = $1;
