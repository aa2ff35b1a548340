-- What undoing a settlement file came to. $1 its source, $2 the source of the reversals.
select (select count(*) from entry where source_id = $2 and kind = 30) as entries,
    (select count(distinct (match.book_id, match.number))
     from settlement_match match
     where match.source_id = $1 and (
         match.proposal_id is null
         or exists (
             select from break_entry booked
             join entry reversal on reversal.book_id = booked.book_id and reversal.reverses = booked.number and reversal.source_id = $2
             where booked.proposal_id = match.proposal_id))) as items,
    (select count(*) from break where found_in = $1 and resolution = 'undone') as breaks;
