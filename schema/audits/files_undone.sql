-- Every entry of a settlement file that was undone is reversed, by the run that undid it.
select entry.book_id, entry.number, file.source_id, file.state, reversal.number as reversed_by
from settlement_file_state file
join file_decision undone on undone.source_id = file.source_id and undone.decision = 'undone'
join entry on entry.source_id = file.source_id and entry.kind in (10, 11, 12)
left join entry reversal on reversal.book_id = entry.book_id and reversal.reverses = entry.number
where reversal.source_id is distinct from undone.run_id
order by entry.book_id, entry.number;
