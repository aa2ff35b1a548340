-- The capture whose money a hold sets aside, the open aggregate that it has joined, and the open item by which the acquirer will report it; no row where a person placed the hold. $1 hold.
select entry.details, coalesce(entry.happened_on, entry.booking_date) as booking_date, item.number as item,
    case when aggregate.closed is null then aggregate.aggregate end as aggregate
from hold
join entry on entry.book_id = hold.book_id and entry.number = hold.number and entry.kind = 3
left join aggregate on aggregate.book_id = entry.book_id and aggregate.aggregate = entry.details::jsonb ->> 'aggregate'
left join open_item item on item.book_id = entry.book_id and item.number = coalesce(aggregate.closed, entry.number)
where hold.id = $1;
