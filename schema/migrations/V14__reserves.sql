-- What of a capture is in a reserve at the end of a day, where a day or an advance makes it available: it goes there then, not with its match.

create index entry_of_availability on entry (book_id, number) where kind in (22, 24);

create function withheld_on(on_day date, of_book bigint, capture bigint) returns bigint language sql stable
begin atomic
    select coalesce(max((entry.details::jsonb ->> 'reserve')::bigint), 0)
    from entry
    left join hold on hold.book_id = entry.book_id and hold.number = entry.number
    where entry.book_id = of_book and entry.number = capture and entry.kind = 3
        and (entry.details::jsonb ->> 'reserve_until')::date > on_day
        and exists (
            select
            from entry later
            where later.book_id = of_book and later.number > capture and later.kind in (22, 24) and later.booking_date <= on_day
                and case later.kind
                    -- A release takes everything of a book whose day has come; what was set aside, once it is pending again.
                    when 24 then later.booking_date >= (entry.details::jsonb ->> 'available_on')::date
                        and (hold.id is null or hold.released < later.number)
                    else later.details::jsonb -> 'captures' @> to_jsonb(capture)
                end
        );
end;
comment on function withheld_on is 'What is withheld of a capture at the end of a day because its day has come, or it was advanced; nothing before, and nothing after its reserve is released.';
