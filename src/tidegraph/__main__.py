"""``python -m tidegraph`` is the command line."""

from tidegraph.cli import main

if __name__ == "__main__":
    main()
