-- Read models that stand still at an event until an operator looks at them.
SELECT name FROM read.projections WHERE stage = 'live' AND status = 'halted' ORDER BY name
