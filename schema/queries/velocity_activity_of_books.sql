-- What was authorized in books in stretches of time; what lies in the part of a stretch that all windows share is summed up as of its end. Looked up one by one, since a join might read all activity instead. $1 books, $2 after, $3 shared after, $4 shared until, $5 until, $6 whether methods count, $7 whether categories do; what does not is left out.
select wanted.place, activity.book_id, activity.currency,
    case when wanted.by_method then activity.method end as method, case when wanted.by_category then activity.category end as category,
    case when activity.occurred_at > wanted.shared_after and activity.occurred_at <= wanted.shared_until
        then wanted.shared_until else activity.occurred_at end as at,
    count(*) as authorizations, least(sum(activity.amount), 9223372036854775807)::bigint as amount
from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::boolean[], $7::boolean[])
    with ordinality as wanted (book_id, after, shared_after, shared_until, until, by_method, by_category, place)
cross join lateral (
    select * from velocity_activity activity
    where activity.book_id = wanted.book_id and activity.occurred_at > wanted.after and activity.occurred_at <= wanted.until
    offset 0
) activity
group by wanted.place, activity.book_id, activity.currency, 4, 5, at
order by wanted.place, at, activity.book_id, 4, 5, activity.currency;
