-- A settlement file that must be there and has not come, unless a break says so. $1 acquirer, $2 source of what showed it, $3 the words that name the gap, $4 the rest of them.
insert into break (class, acquirer_id, source_id, found_in, detail)
select 'MISSING_FILE', $1, $2, $2, $3::text || $4::text
where not exists (
    select from break
    where break.class = 'MISSING_FILE' and break.acquirer_id = $1 and break.state <> 'resolved' and starts_with(break.detail, $3)
);
