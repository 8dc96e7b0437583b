-- What people and operators list is found by an index, however much there is beside it.

-- Rejected messages that nobody has looked at, the latest first, and how many there are. Few ask
-- for what was retried or discarded, which stays for ever.
CREATE INDEX billing_intake_rejected_open
    ON billing_intake_rejected (tenant, received_at, rejection_id) WHERE status = 'open';

-- A workflow that ends waits for nothing any more. No tenant stands in front, here and in the next:
-- a plan from when the table was empty would look up here what workflows wait for, and read all
-- that the tenant's wait for each time (measured: 4,000,000 rows instead of 200).
CREATE INDEX saga_waits_by_workflow ON saga_waits (workflow_id);

-- The prices of a list.
CREATE INDEX prices_by_list ON prices (price_list_id);

-- Price lists are listed from their heads. Few streams are one.
CREATE INDEX stream_heads_of_price_lists ON stream_heads (tenant, stream_id)
    WHERE stream_id LIKE 'prl\_%';
