"""Why: decisions told in words, made again, and digested."""
