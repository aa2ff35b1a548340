-- Whether a break holds exactly a deduction in suspense, in the house's book. $1 break, $2 acquirer, $3 currency, $4 how much.
select break.id
from break
join acquirer on acquirer.id = break.acquirer_id and acquirer.name = $2
join break_money money on money.break_id = break.id
where break.id = $1 and money.suspense_in = $3 and money.suspense = -$4::bigint and money.suspense_book = 1;
