-- Keeps which lines bring a payout that came back: of each the one batch that it names by the payout's words, awaited whole with that amount. Gives batch and currency. $1 source, $2 acquirer, $3 ordinals, $4 the words of each in capitals, between blanks.
insert into settlement_return (source_id, ordinal, acquirer_id, batch, currency, amount)
select line.source_id, line.ordinal, $2::smallint, min(awaited.batch), line.net_currency, line.net
from unnest($3::integer[], $4::text[]) as came (ordinal, words)
join settlement_line line on line.source_id = $1 and line.ordinal = came.ordinal
join awaited
    on awaited.acquirer_id = $2 and awaited.currency = line.net_currency and awaited.net = line.net and awaited.open = line.net
where exists (select from unnest(awaited.words) as paid_as where string_to_array(paid_as, ' ') <@ string_to_array(came.words, ' '))
group by line.source_id, line.ordinal, line.net_currency, line.net
having count(*) = 1
returning batch, currency;
