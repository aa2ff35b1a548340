-- What a settlement file put into tranches of reserves. $1 source.
select book_id, currency, source_on, release_on, withheld
from settlement_reserve
where source_id = $1
order by book_id, currency, source_on, release_on;
