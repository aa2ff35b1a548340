-- Approves proposals, in turn. $1 proposals, $2 who.
update break_proposal
set first_approver = coalesce(first_approver, $2), second_approver = case when first_approver is not null then $2 end
where id = any($1::bigint[]);
