-- Every account, with its place in the chart.
select id, code, currency, exponent, dimension from account order by id
