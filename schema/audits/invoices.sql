-- What is owed to acquirers on accounts 2400 is the sum of their invoices that are not paid; each invoice is an entry of the house, and so is its payment.
with owed as (
    select acquirer.name as acquirer, invoice.currency,
           sum(case when invoice.payment is null
               then invoice.interchange + invoice.scheme_fee + invoice.markup + invoice.vat else 0 end) as amount,
           count(*) filter (where booked.number is null or (invoice.payment is not null and paid.number is null)) as unbooked
    from acquirer_invoice invoice
    join acquirer on acquirer.id = invoice.acquirer_id
    left join entry booked on booked.book_id = 1 and booked.number = invoice.number and booked.kind = 36
    left join entry paid on paid.book_id = 1 and paid.number = invoice.payment and paid.kind = 37
    group by acquirer.name, invoice.currency
), held as (
    select account.dimension as acquirer, account.currency, sum(balance.credits - balance.debits) as amount
    from balance
    join account on account.id = balance.account_id and account.code = 2400
    group by account.dimension, account.currency
)
select coalesce(owed.acquirer, held.acquirer) as acquirer, coalesce(owed.currency, held.currency) as currency, owed.amount as owed,
       held.amount as held, owed.unbooked
from owed
full join held on held.acquirer = owed.acquirer and held.currency = owed.currency
where coalesce(owed.amount, 0) <> coalesce(held.amount, 0) or owed.unbooked > 0
order by 1, 2;
