-- From when to when the lines are that no pass has matched.
select min(occurred_on) as first, max(occurred_on) as last from undecided_line;
