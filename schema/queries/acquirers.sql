-- Every acquirer.
select id, name from acquirer order by id;
