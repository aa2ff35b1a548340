-- What is tolerated of the gross amounts of an acquirer's other booked files of a month. $1 acquirer, $2 source, $3 first day, $4 first day of the next month, $5 currency.
select coalesce(sum(tolerated.used), 0)::bigint as used
from tolerated
join settlement_file_state file on file.source_id = tolerated.source_id
where file.acquirer_id = $1 and file.state = 'booked' and file.as_of >= $3 and file.as_of < $4
    and tolerated.source_id <> $2 and tolerated.currency = $5;
