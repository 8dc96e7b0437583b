"""The API for every test of this folder."""

from tests.fixtures.http_api import api

__all__ = ["api"]
