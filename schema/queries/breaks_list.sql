-- Breaks, oldest first. $1 class or null, $2 state or null, $3 acquirer or null.
select break.id, break.class, acquirer.name as acquirer, break.state, break.resolution, source.name as file, break.ordinal, line.line,
    book.merchant, entry.payment, entry.reference, break.expected, break.expected_in, break.actual, break.actual_in, break.suspense_number,
    break.expected_on, found.name as found_in, coalesce(file.as_of, entry.booking_date) as found_on, break.detail
from break
join acquirer on acquirer.id = break.acquirer_id
join source found on found.id = break.found_in
left join settlement_file file on file.source_id = break.found_in
left join source on source.id = break.source_id
left join settlement_line line on line.source_id = break.source_id and line.ordinal = break.ordinal
left join book on book.id = break.book_id
left join entry on entry.book_id = break.book_id and entry.number = break.number
where ($1::text is null or break.class = $1) and ($2::text is null or break.state = $2) and ($3::text is null or acquirer.name = $3)
order by break.id;
