-- All accounts, and payouts, of one currency have one exponent.
select currency, min(exponent) as least, max(exponent) as most
from (select currency, exponent from account union all select currency, exponent from payout) used
group by currency
having min(exponent) <> max(exponent)
order by currency;
