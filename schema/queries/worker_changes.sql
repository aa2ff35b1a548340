-- How many versions of settings and of calendars there are: none is ever changed, so equal counts are equal content.
select (select count(*) from settings_version) as settings, (select count(*) from calendar_version) as calendars;
