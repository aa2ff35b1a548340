-- Payments are looked up by their names alone too: settlement lines do not say whose they are. Both indexes begin with the name.

alter table payment drop constraint payment_identity;
alter table payment add constraint payment_identity primary key (payment, book_id);
drop index payment_merchant_reference;
create index payment_merchant_reference on payment (merchant_reference, book_id) where merchant_reference is not null;
