-- Lines that nobody knows are few beside history: what earlier files hold of them is looked up by index.
select set_config('enable_nestloop', 'on', true);
