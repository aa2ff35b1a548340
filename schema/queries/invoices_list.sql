-- Invoices of acquirers. $1 acquirer or null, $2 number or null, $3 whether those that are paid are wanted too.
select acquirer.name as acquirer, invoice.invoice, invoice.month, invoice.currency, invoice.interchange, invoice.scheme_fee, invoice.markup,
    invoice.vat, invoice.expected, invoice.booked_on, invoice.booked_by, invoice.number, invoice.paid_on, invoice.paid_by, invoice.payment
from acquirer_invoice invoice
join acquirer on acquirer.id = invoice.acquirer_id
where ($1::text is null or acquirer.name = $1) and ($2::text is null or invoice.invoice = $2) and ($3 or invoice.payment is null)
order by acquirer.name, invoice.month, invoice.invoice;
