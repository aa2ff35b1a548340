-- Whether two runs of a file's content were read differently, or quarantined for another reason. $1 and $2 their sources.
select 1
where (select to_jsonb(file) - 'source_id' from settlement_file file where source_id = $1)
        is distinct from (select to_jsonb(file) - 'source_id' from settlement_file file where source_id = $2)
    or exists (
        select from settlement_line before
        join settlement_line again on again.source_id = $2 and again.ordinal = before.ordinal
        where before.source_id = $1 and to_jsonb(before) - 'source_id' <> to_jsonb(again) - 'source_id')
    or (select jsonb_agg(to_jsonb(reject) - 'source_id' order by reject.place) from settlement_reject reject where reject.source_id = $1)
        is distinct from (select jsonb_agg(to_jsonb(reject) - 'source_id' order by reject.place) from settlement_reject reject where reject.source_id = $2)
    or (select jsonb_agg(to_jsonb(stated) - 'source_id' order by stated.batch, stated.currency) from settlement_batch stated where stated.source_id = $1)
        is distinct from (select jsonb_agg(to_jsonb(stated) - 'source_id' order by stated.batch, stated.currency) from settlement_batch stated where stated.source_id = $2)
    or (select jsonb_agg(to_jsonb(stated) - 'source_id' order by stated.account, stated.currency, stated.begins_at) from settlement_balance stated where stated.source_id = $1)
        is distinct from (select jsonb_agg(to_jsonb(stated) - 'source_id' order by stated.account, stated.currency, stated.begins_at) from settlement_balance stated where stated.source_id = $2);
