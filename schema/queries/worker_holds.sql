-- Proves that a grant is not over, and keeps others from getting the task until the transaction ends; an error where it is over.
-- $1: task. $2: token.
select worker_fence($1, $2);
