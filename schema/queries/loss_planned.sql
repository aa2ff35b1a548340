-- The planned loss or recovery of a book in a currency. $1 book, $2 currency.
select id from loss where book_id = $1 and currency = $2 and state = 'planned';
