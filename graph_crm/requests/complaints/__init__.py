"""Complaints: how serious they are, that they silence marketing, what caused them, what is said afterwards."""
