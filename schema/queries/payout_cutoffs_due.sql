-- Cut-offs with payouts that are approved and not instructed, or with a bank file that is not written. $1: the last one.
select cutoff from payout where state = 'approved' and cutoff <= $1
union
select cutoff from payout_file where not written and cutoff <= $1
order by cutoff;
