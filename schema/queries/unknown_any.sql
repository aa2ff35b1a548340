-- Whether the outcome of any authorization of an acquirer is unknown. $1 acquirer.
select payment.book_id
from payment
where payment.authorized is null and payment.requested is not null and payment.acquirer_id = $1
limit 1;
