-- The instruction and the confirmation of every payout moved exactly its amount, in its currency.
with moved as (
    select payout.id, payout.book_id, payout.amount, payout.instruction, payout.confirmation,
           (select sum(transfer.amount)
            from transfer
            join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
            join account debit on debit.id = transfer.debit_account
            join account credit on credit.id = transfer.credit_account
            where transfer.book_id = payout.book_id and transfer.entry_number = payout.instruction and entry.kind = 20
              and debit.code = 2020 and credit.code = 2100 and debit.currency = payout.currency) as instructed,
           (select sum(transfer.amount)
            from transfer
            join entry on entry.book_id = transfer.book_id and entry.number = transfer.entry_number
            join account debit on debit.id = transfer.debit_account
            join account credit on credit.id = transfer.credit_account
            where transfer.book_id = payout.book_id and transfer.entry_number = payout.confirmation and entry.kind = 21
              and debit.code = 2100 and credit.code = 1010 and debit.currency = payout.currency) as confirmed
    from payout
)
select id, book_id, amount, instruction, instructed, confirmation, confirmed
from moved
where (instruction is not null and instructed is distinct from amount)
   or (confirmation is not null and confirmed is distinct from amount)
order by id;
