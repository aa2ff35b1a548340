-- In every currency the debits of all balances are the credits of all balances, with and without the memo accounts.
select account.currency, account_code.memo, sum(balance.debits) as debits, sum(balance.credits) as credits
from balance
join account on account.id = balance.account_id
join account_code on account_code.number = account.code
group by account.currency, account_code.memo
having sum(balance.debits) <> sum(balance.credits)
order by account.currency, account_code.memo;
