-- Takes what velocity rules and monthly limits decided.
copy velocity_decision (book_id, payment, reference, fingerprint, number, rule, rule_version, action, count, max_count, currency, sum,
    max_sum, reason, occurred_at)
from stdin (format binary);
