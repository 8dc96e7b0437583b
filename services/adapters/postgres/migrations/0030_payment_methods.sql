-- The payment methods of an account are listed from their heads. Few streams are one.
CREATE INDEX stream_heads_of_payment_methods ON stream_heads (tenant, account_id, stream_id)
    WHERE stream_id LIKE 'pmt\_%';
