-- Notes that an invoice is paid. $1 acquirer, $2 its number, $3 booking date, $4 by whom, $5 entry of the house.
update acquirer_invoice invoice
set paid_on = $3, paid_by = $4, payment = $5
from acquirer
where acquirer.id = invoice.acquirer_id and acquirer.name = $1 and invoice.invoice = $2 and invoice.payment is null;
