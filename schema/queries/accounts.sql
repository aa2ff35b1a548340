-- Every account.
select id, code, currency, dimension from account order by id;
