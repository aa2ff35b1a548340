-- Approves the planned payouts of a cut-off. $1 cut-off, $2 approver.
update payout set state = 'approved', approved_by = $2
where cutoff = $1 and state = 'planned';
