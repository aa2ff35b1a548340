-- Breaks that are not resolved: how many, what is at stake and what of it is in suspense, by class, acquirer, day on which they were
-- awaited and currency (none where nothing is at stake).
select break.class, acquirer.name as acquirer, awaited.on_day as awaited_on, money.stake_in as currency, count(*) as breaks,
    coalesce(sum(money.stake), 0)::text as stake, coalesce(sum(abs(money.suspense)), 0)::text as suspense
from break
join acquirer on acquirer.id = break.acquirer_id
join source found on found.id = break.found_in
join break_money money on money.break_id = break.id
left join settlement_file file on file.source_id = break.found_in
left join entry on entry.book_id = break.book_id and entry.number = break.number
cross join lateral (
    select coalesce(break.expected_on, file.as_of, entry.booking_date, (found.recorded_at at time zone 'UTC')::date) as on_day
) awaited
where break.state <> 'resolved'
group by break.class, acquirer.name, awaited.on_day, money.stake_in
order by break.class, acquirer.name, awaited.on_day, money.stake_in;
