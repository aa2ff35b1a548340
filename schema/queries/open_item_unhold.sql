-- Makes an open item report what a hold had set aside of it. $1 book, $2 number, $3 amount, $4 what is withheld of it, $5 until when.
update open_item
set merchant_fee = merchant_fee - $3, reserve = reserve + $4,
    reserve_until = case when reserve + $4 > 0 then coalesce(reserve_until, $5) end
where book_id = $1 and number = $2;
