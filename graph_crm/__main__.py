"""`python -m graph_crm`: the command where no script is on the path."""

from graph_crm.cli import main

if __name__ == "__main__":
    main()
