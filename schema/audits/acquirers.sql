-- Every payment and every open item is of an acquirer that is recorded.
select payment.book_id, payment.payment, null::bigint as number, payment.acquirer_id
from payment
where not exists (select from acquirer where acquirer.id = payment.acquirer_id)
union all
select item.book_id, null, item.number, item.acquirer_id
from open_item item
where not exists (select from acquirer where acquirer.id = item.acquirer_id)
order by 1, 2, 3;
