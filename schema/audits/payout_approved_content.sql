-- What was approved of a run is what its payouts are: the digest of their merchants, amounts, destinations and cut-offs is the one that was named.
with content as (
    select payout.run_id,
           sha256(convert_to('payout run 1' || string_agg(field.texts, '' order by payout.end_to_end_id), 'UTF8')) as digest
    from payout
    join book on book.id = payout.book_id
    cross join lateral (
        select string_agg(octet_length(one.text) || ':' || one.text, '' order by one.place) as texts
        from unnest(array[payout.end_to_end_id, book.merchant, payout.currency, payout.amount::text, payout.fee::text, payout.vat::text,
                          payout.cutoff::text, payout.holder, payout.destination, payout.bank]) with ordinality as one (text, place)
    ) field
    where payout.run_id is not null
    group by payout.run_id
)
select run.id, run.cutoff, encode(run.plan, 'hex') as plan, encode(content.digest, 'hex') as digest
from payout_run run
left join content on content.run_id = run.id
where run.state = 'approved' and content.digest is distinct from run.plan
order by run.id;
