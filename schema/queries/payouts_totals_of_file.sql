-- How many payouts of each currency a bank file has, and their sum. $1 file.
select currency, count(*) as payouts, sum(amount)::bigint as amount from payout where file_id = $1 group by currency order by currency;
