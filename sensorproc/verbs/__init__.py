"""One file per verb of the command line. Results go to stdout, log and progress to stderr."""
