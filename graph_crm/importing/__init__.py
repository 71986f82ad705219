"""Import of outside data: Berka, FinBench, and a bank's own files."""
