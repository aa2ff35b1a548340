-- Resolves the breaks of a settlement file that is undone; not those of payments that it made known, which stay. $1 source, $2 who undoes it.
with undone as (
    update break
    set state = 'resolved', resolution = 'undone'
    where found_in = $1 and state = 'open'
        and (ordinal is not null or class in ('MISSING_IN_FILE', 'MISSING_FILE', 'FEE_MISMATCH')
             or (book_id is null and class in ('AMOUNT_MISMATCH', 'RESERVE_MISMATCH', 'FX_MISMATCH')))
    returning break.id
)
insert into break_step (break_id, what, by, note)
select undone.id, 'resolved', $2, format('%s is undone', source.name)
from undone
join source on source.id = $1
order by undone.id;
