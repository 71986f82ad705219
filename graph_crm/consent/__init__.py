"""Consent: what customers said about being contacted, and what that forbids from the same moment on."""
