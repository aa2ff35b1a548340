-- The chart of accounts as the database has it.
select number, name, side, may_cross_zero, memo from account_code order by number;
