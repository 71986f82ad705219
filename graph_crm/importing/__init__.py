"""Import of outside data: one loader, several sources (Berka, FinBench, a bank's own files, the generated demo bank)."""
