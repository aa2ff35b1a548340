-- Every entry came from a source that is recorded, and every settlement file is one.
select entry.book_id, entry.number, entry.source_id
from entry
left join source on source.id = entry.source_id
where source.id is null
union all
select null, null, settlement_file.source_id
from settlement_file
left join source on source.id = settlement_file.source_id and source.kind = 'settlement'
where source.id is null
order by 1, 2, 3;
