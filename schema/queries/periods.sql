-- The closed periods, oldest first.
select through, note, trial_balance, closed_by, closed_at from period order by through;
