"""A day at four clinics, for `daybook demo`: the same messages for the same arguments, always.

Nothing in it was taken from anywhere: prices, codes, people and payers are invented.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import batched
from random import Random
from typing import Final, NamedTuple, TypeVar
