-- Bank statements, and files in quarantine, in the order in which they were taken in. Null asks for any: $1 account, $2 file, by its name or the beginning of its digest.
select source.id as source_id, source.name, encode(source.digest, 'hex') as digest, coalesce(statement.state, file.state) as state, file.reason, file.format,
    statement.account, statement.currency, statement.statement_id, statement.from_on, statement.until_on, statement.opening,
    statement.closing, coalesce(statement.entries, file.entries) as entries
from bank_file file
join source on source.id = file.source_id
left join bank_statement statement on statement.source_id = file.source_id
where ($1::text is null or statement.account = $1)
    and ($2::text is null or source.name = $2 or starts_with(encode(source.digest, 'hex'), lower($2)))
order by source.id, statement.ordinal;
