-- Every account, with its place in the chart, for the proof of the books.
select id, code, currency, exponent, dimension from account order by id;
