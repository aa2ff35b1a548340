-- Losses and what came back of them, by merchant and id. $1 merchant, or null for all; $2 whether those that wait for nobody too.
select loss.id, loss.book_id, book.merchant, loss.currency, loss.amount, loss.recovers, loss.recovered, loss.reason, loss.note,
    loss.planned_on, loss.planned_by, loss.state, loss.approved_by, loss.number
from loss
join book on book.id = loss.book_id
where ($1::text is null or book.merchant = $1) and ($2::boolean or loss.state = 'planned')
order by book.merchant, loss.id;
