-- No tranche of a reserve was released before its day: by then a release of its book was booked.
select tranche.book_id, tranche.currency, tranche.source_on, tranche.release_on, tranche.released, last.booking_date as last_release
from reserve_tranche tranche
left join lateral (
    select max(entry.booking_date) as booking_date
    from entry
    where entry.book_id = tranche.book_id and entry.kind = 24
) last on true
where tranche.released > 0 and (last.booking_date is null or last.booking_date < tranche.release_on)
order by tranche.book_id, tranche.currency, tranche.source_on, tranche.release_on;
