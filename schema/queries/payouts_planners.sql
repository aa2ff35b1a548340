-- Who planned what is planned for a cut-off. $1 cut-off.
select distinct planned_by from payout where cutoff = $1 and state = 'planned' order by planned_by;
