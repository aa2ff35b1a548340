-- The batches of a file: what was reported, what it cost, what the acquirer pays. $1 source.
select batch, net_currency as currency, count(*) filter (where record_type <> 6) as lines,
    coalesce(sum(net + commission + markup + scheme_fee + interchange) filter (where record_type <= 4), 0)::bigint as gross,
    coalesce(sum(commission + markup + scheme_fee + interchange), 0)::bigint as costs,
    coalesce(sum(net) filter (where record_type in (5, 7)), 0)::bigint as other,
    coalesce(sum(net) filter (where record_type <> 6), 0)::bigint as net,
    coalesce(-sum(net) filter (where record_type = 6), 0)::bigint as payout
from settlement_line
where source_id = $1
group by batch, net_currency
order by batch, net_currency;
