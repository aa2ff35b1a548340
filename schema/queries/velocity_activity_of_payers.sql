-- What payers were authorized in stretches of time; what lies in the part of a stretch that all windows share is summed up as of its end. Looked up one by one, since a join might read all activity instead. $1 payers, $2 after, $3 shared after, $4 shared until, $5 until.
select wanted.place, activity.book_id, activity.method, activity.category, activity.currency,
    case when activity.occurred_at > wanted.shared_after and activity.occurred_at <= wanted.shared_until
        then wanted.shared_until else activity.occurred_at end as at,
    count(*) as authorizations, least(sum(activity.amount), 9223372036854775807)::bigint as amount
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
    with ordinality as wanted (payer, after, shared_after, shared_until, until, place)
cross join lateral (
    select * from velocity_activity activity
    where activity.payer = wanted.payer and activity.occurred_at > wanted.after and activity.occurred_at <= wanted.until
    offset 0
) activity
group by wanted.place, activity.book_id, activity.method, activity.category, activity.currency, at
order by wanted.place, at, activity.book_id, activity.method, activity.category, activity.currency;
