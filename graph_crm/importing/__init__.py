"""Import of outside data: one loader; Berka, FinBench, own files, the generated demo bank."""
