-- Money between accounts of the house: own money that is moved from the settlement account, and money that somebody else keeps.

insert into account_code (number, name, side, dimension, may_cross_zero, memo) values
    (1020, 'bank:operating',        'debit', 'bank', true, false),
    (1030, 'bank:external-managed', 'debit', 'bank', true, false);

alter table bank_statement add column code smallint not null default 1010 references account_code
    constraint bank_statement_code check (code in (1010, 1030));
comment on column bank_statement.code is 'What its account is in the books.';
alter table bank_match drop constraint bank_match_kind;
alter table bank_match add constraint bank_match_kind
    check (kind in ('receipt', 'payout', 'return', 'recorded', 'charge', 'interest', 'sweep', 'suspense'));
comment on table bank_match is 'What each entry of a bank statement came to, part by part: the entry of the books that has it on the account of the statement, and, of a receipt, the batch that it pays and what of that is awaited no more (settled: the amount, and what is short of it). Signed minor units.';
create index bank_match_swept on bank_match (currency) where kind = 'sweep';
