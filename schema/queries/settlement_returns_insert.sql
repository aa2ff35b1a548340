-- Keeps which lines bring a payout that came back: of each the one batch that it names by the payout's words, awaited whole with that amount, and that no other line names. Gives batch and currency. $1 source, $2 acquirer, $3 ordinals, $4 the words of each in capitals, between blanks.
with named as (
    select line.ordinal, awaited.batch, line.net_currency as currency, line.net,
        count(*) over (partition by line.ordinal) as batches, count(*) over (partition by awaited.batch, awaited.currency) as lines
    from unnest($3::integer[], $4::text[]) as came (ordinal, words)
    join settlement_line line on line.source_id = $1 and line.ordinal = came.ordinal
    join awaited
        on awaited.acquirer_id = $2 and awaited.currency = line.net_currency and awaited.net = line.net and awaited.open = line.net
    where exists (select from unnest(awaited.words) as paid_as where string_to_array(paid_as, ' ') <@ string_to_array(came.words, ' '))
)
insert into settlement_return (source_id, ordinal, acquirer_id, batch, currency, amount)
select $1, named.ordinal, $2::smallint, named.batch, named.currency, named.net
from named
where named.batches = 1 and named.lines = 1
returning batch, currency;
