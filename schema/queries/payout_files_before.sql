-- How many bank files of a format there are for a day. $1 format, $2 the day on which the bank is to pay.
select count(*) as files from payout_file where format = $1 and execute_on = $2;
