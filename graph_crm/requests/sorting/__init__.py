"""Sorting what comes in into the categories of the desk: rules, a classifier, and people."""
