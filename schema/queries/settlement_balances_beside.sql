-- The balances of a settlement file, each with what the one before ended with and what the one after begins with, by the files of the acquirer that came and are not undone or rejected; of several versions the booked one. $1 source, $2 acquirer.
with came as not materialized (
    select balance.*, file.state
    from settlement_balance balance
    join settlement_file_state file on file.source_id = balance.source_id and file.state in ('booked', 'quarantined')
    where balance.acquirer_id = $2 and balance.source_id <> $1
)
select own.account, own.currency, own.begins_at, own.ends_at, own.opening, own.closing,
    before.ends_at as before_at, before.closing as before_closing, after.begins_at as after_at,
    after.opening as after_opening
from settlement_balance own
left join lateral (
    select came.ends_at, came.closing
    from came
    where came.account = own.account and came.currency = own.currency and came.ends_at <= own.begins_at
    order by came.ends_at desc, came.state, came.source_id desc
    limit 1
) before on true
left join lateral (
    select came.begins_at, came.opening
    from came
    where came.account = own.account and came.currency = own.currency and came.begins_at >= own.ends_at
    order by came.begins_at, came.state, came.source_id desc
    limit 1
) after on true
where own.source_id = $1
order by own.account, own.currency, own.begins_at;
