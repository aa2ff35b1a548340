-- What is looked up by index. Payments, by their names alone too: settlement lines do not say whose they are.

alter table payment drop constraint payment_identity;
alter table payment add constraint payment_identity primary key (payment, book_id);
drop index payment_merchant_reference;
create index payment_merchant_reference on payment (merchant_reference, book_id) where merchant_reference is not null;

-- Matches that are late, or of another day, are counted for every report of a file: they are few beside the others.

create index settlement_match_timed on settlement_match (source_id, timing, ordinal) where timing is not null;
