"""Names of the contact points of the small bank of these tests."""

SHARED = "PHONE:+420602123456"
"""The phone of Anna and Jan."""
ANNAS = "PHONE:+420602000001"
MAIL = "EMAIL:anna@example.com"
