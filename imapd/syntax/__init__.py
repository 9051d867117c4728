"""Values that several commands share, each with its grammar and its inverse."""
