-- Makes an aggregate report what a hold had set aside of one of its captures. $1 book, $2 name, $3 amount, $4 what is withheld of it.
update aggregate
set merchant_fee = merchant_fee - $3, reserve = reserve + $4
where book_id = $1 and aggregate = $2;
