-- Adds what came back of a loss. $1 id, $2 amount.
update loss set recovered = recovered + $2
where id = $1 and state = 'booked';
