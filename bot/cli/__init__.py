"""The command line: parses arguments, calls the composition root, prints. Holds no decisions of the desk."""
