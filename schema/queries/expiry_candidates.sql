-- Payments whose time was up at a cut-off and that have something open, in the order of time, book and name. $1 cut-off, $2 to $4 the time, book and name after which they come ($2 null: from the beginning), $5 how many.
select expires_at, book_id, payment
from payment
where expires_at is not null and expires_at <= $1 and captured - over_captured + voided + expired < authorized
    and expires_at >= coalesce($2::timestamptz, '-infinity')
    and ($2::timestamptz is null or (expires_at, book_id, payment) > ($2::timestamptz, $3::bigint, $4::text))
order by expires_at, book_id, payment
limit $5;
