-- Both accounts of every transfer exist and have one currency.
select transfer.book_id, transfer.entry_number, transfer.ordinal, debit.currency as debit_currency, credit.currency as credit_currency
from transfer
left join account debit on debit.id = transfer.debit_account
left join account credit on credit.id = transfer.credit_account
where debit.currency is null or credit.currency is null or debit.currency <> credit.currency
order by transfer.book_id, transfer.entry_number, transfer.ordinal;
