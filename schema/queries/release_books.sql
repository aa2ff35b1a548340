-- The books that have something due on a day or before: pending money, tranches of reserves, holds. $1 day.
select book_id from maturing where available_on <= $1
union
select book_id from reserve_tranche where release_on <= $1 and released + applied < withheld
union
select book_id from hold where expires_on <= $1 and expires_on is not null and released is null
order by 1;
