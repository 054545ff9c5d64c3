"""Terminal and browser: the only package that knows all the others."""
