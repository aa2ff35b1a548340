-- What payers were authorized in stretches of time; what lies in the part of a stretch that all windows share is summed up as of its end. $1 payers, $2 after, $3 shared after, $4 shared until, $5 until.
select wanted.place, counted.book_id, counted.method, counted.category, counted.currency, counted.at, counted.authorizations,
    counted.amount
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
    with ordinality as wanted (payer, after, shared_after, shared_until, until, place)
cross join lateral (
    select activity.book_id, activity.method, activity.category, activity.currency,
        case when activity.occurred_at > wanted.shared_after and activity.occurred_at <= wanted.shared_until
            then wanted.shared_until else activity.occurred_at end as at,
        count(*) as authorizations, least(sum(activity.amount), 9223372036854775807)::bigint as amount
    from velocity_activity activity
    where activity.payer = wanted.payer and activity.occurred_at > wanted.after and activity.occurred_at <= wanted.until
    group by activity.book_id, activity.method, activity.category, activity.currency, at
) counted
order by wanted.place, counted.at, counted.book_id, counted.method, counted.category, counted.currency;
