-- Puts amounts back into reserves, the latest tranche that was used first. $1 books, $2 currencies, $3 amounts.
update reserve_tranche tranche
set applied = tranche.applied - least(share.applied, share.amount - share.before)
from (
    select tranche.book_id, tranche.currency, tranche.source_on, tranche.release_on, wanted.amount, tranche.applied,
        coalesce(sum(tranche.applied) over (
            partition by tranche.book_id, tranche.currency order by tranche.source_on desc, tranche.release_on desc
            rows between unbounded preceding and 1 preceding), 0) as before
    from unnest($1::bigint[], $2::text[], $3::bigint[]) as wanted (book_id, currency, amount)
    join reserve_tranche tranche on tranche.book_id = wanted.book_id and tranche.currency = wanted.currency and tranche.applied > 0
) share
where tranche.book_id = share.book_id and tranche.currency = share.currency and tranche.source_on = share.source_on
    and tranche.release_on = share.release_on and share.before < share.amount;
