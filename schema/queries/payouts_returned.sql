-- The last payout that came back from each bank account of each merchant.
select distinct on (book.merchant, payout.destination, payout.bank)
    book.merchant, payout.destination, payout.bank, payout.returned_on, payout.return_reason
from payout
join book on book.id = payout.book_id
where payout.state = 'returned'
order by book.merchant, payout.destination, payout.bank, payout.returned_on desc, payout.id desc;
