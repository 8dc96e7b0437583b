-- Whether any account is kept at a facility, by the heads, which are never behind. $1 tenant,
-- $2 facility
SELECT EXISTS (SELECT FROM daybook.account_heads h WHERE h.tenant = $1 AND h.facility = $2)
