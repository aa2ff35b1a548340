-- The lines of a settlement file by batch, record type, outcome and currencies. $1: the file's source.
select line.batch, record_type.name as record_type, line.record_type in (5, 6, 11, 12, 13, 14, 15) and not outcome.suspended as is_batch_row, outcome.pass, outcome.class,
       line.gross_currency, line.net_currency, count(*) as lines,
       coalesce(sum(line.gross), 0)::text as gross,
       sum(line.commission + line.markup + line.scheme_fee + line.interchange + line.tax)::text as costs,
       sum(line.reserve)::text as reserve, sum(line.net)::text as net,
       coalesce(sum(line.net) filter (where line.net > 0), 0)::text as received,
       coalesce(-sum(line.net) filter (where line.net < 0), 0)::text as deducted
from settlement_line line
join record_type on record_type.id = line.record_type
cross join lateral (
    select (select standing_match.pass
            from standing_match
            where standing_match.source_id = line.source_id and standing_match.ordinal = line.ordinal
            limit 1) as pass,
           (select string_agg(break.class, ' ' order by break.class)
            from break
            where break.source_id = line.source_id and break.ordinal = line.ordinal) as class,
           exists (select from break
            where break.source_id = line.source_id and break.ordinal = line.ordinal and break.suspense_number is not null) as suspended
) outcome
where line.source_id = $1
group by line.batch, record_type.name, line.record_type, outcome.suspended, outcome.pass, outcome.class, line.gross_currency, line.net_currency
order by line.batch, line.record_type, outcome.pass nulls last, outcome.class nulls first, line.gross_currency, line.net_currency;
