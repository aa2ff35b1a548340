-- Every balance keeps the side that the chart of accounts asks it to keep.
select balance.book_id, balance.account_id, account.code, balance.keeps_side, balance.debits, balance.credits
from balance
left join account on account.id = balance.account_id
left join account_code on account_code.number = account.code
where account_code.number is null
   or balance.keeps_side is distinct from (case when account_code.may_cross_zero then null else account_code.side end)
   or (not account_code.may_cross_zero and account_code.side = 'debit' and balance.debits < balance.credits)
   or (not account_code.may_cross_zero and account_code.side = 'credit' and balance.credits < balance.debits)
order by balance.book_id, balance.account_id;
