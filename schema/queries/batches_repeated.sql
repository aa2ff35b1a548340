-- What lines of this file repeat of lines that booked files of an acquirer, but for some, have in the same batches; and then what of these files repeats others, and is nobody's. $1 source, $2 acquirer, $3 sources that do not count, this one too, $4 batches.
select line.batch, line.net_currency as currency, sum(line.net)::bigint as net
from settlement_line line
where line.source_id = $1 and line.batch = any($4) and line.record_type <> 6
    and exists (
        select from settlement_line again
        join settlement_file_state file on file.source_id = again.source_id and file.state = 'booked' and file.acquirer_id = $2
        where again.acquirer_reference = line.acquirer_reference and again.record_type = line.record_type
            and again.net = line.net and again.net_currency = line.net_currency and again.occurred_on = line.occurred_on
            and again.batch = line.batch and again.source_id <> all($3::bigint[])
    )
group by line.batch, line.net_currency
union all
select line.batch, line.net_currency, sum(line.net)::bigint
from settlement_batch told
join settlement_file_state file on file.source_id = told.source_id and file.state = 'booked' and file.acquirer_id = $2
join break on break.source_id = told.source_id and break.class = 'DUPLICATE_IN_FILE' and break.resolution is distinct from 'match'
join settlement_line line
    on line.source_id = break.source_id and line.ordinal = break.ordinal and line.batch = told.batch and line.net_currency = told.currency
where told.batch = any($4) and told.source_id <> all($3::bigint[])
group by line.batch, line.net_currency;
