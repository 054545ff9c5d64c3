"""One writer per export format of the sample life."""
