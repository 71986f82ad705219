"""The small bank for every test of this folder that asks for it."""

from bank_fixtures import ask, bank, executor, reference, schema

__all__ = ["ask", "bank", "executor", "reference", "schema"]
