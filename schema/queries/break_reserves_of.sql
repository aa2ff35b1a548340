-- What a match by hand put into tranches. $1 proposal.
select book_id, currency, source_on, release_on, withheld
from break_reserve
where proposal_id = $1
order by book_id, currency, source_on, release_on;
