-- Lines that bring what a batch before theirs had, with all that may name it. $1 source, $2 ordinals.
select ordinal, concat_ws(' ', acquirer_reference, original_reference, merchant_reference) as names
from settlement_line
where source_id = $1 and ordinal = any($2::integer[]) and net > 0
order by ordinal;
